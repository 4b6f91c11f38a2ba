from pathlib import Path

import pytest

from tests.bench import videocnn

pytestmark = pytest.mark.slow


def test_the_comparison_runs_on_turntable_objects(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    videocnn.main(["--tasks", "coil10_others", "--quick", "--data", str(shared_data)])
    told = capsys.readouterr().out
    assert "seed 0 plain: " in told
    assert "seed 0 video: " in told
    assert "video - plain" in told.splitlines()[-1]


def test_orl_draws_other_labelled_images_for_each_seed(shared_data: Path) -> None:
    task = videocnn.tasks(shared_data)["orl2"]()
    first, again, other = task.labelled(0), task.labelled(0), task.labelled(1)
    assert first.shape == (40, 2)
    assert (first == again).all()
    assert (first != other).any()
    assert len(task.videos["people"]) == 400
