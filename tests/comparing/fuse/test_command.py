from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from selfvid.cli.commands import main
from selfvid.comparing.fuse.command import fuse
from selfvid.errors import InputError
from selfvid.results.scores import Scores
from tests.comparing.tables import CLASSES, drawn, shuffled, sure, write_manifest, write_run

RGB = Scores(
    ("a", "b", "c"),
    np.array([0, 1, 2]),
    CLASSES,
    np.array([[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.1, 0.5, 0.4]]),
)
FLOW = Scores(
    ("a", "b", "c"),
    np.array([0, 1, 2]),
    CLASSES,
    np.array([[0.25, 0.45, 0.3], [0.1, 0.8, 0.1], [0.3, 0.2, 0.5]]),
)


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    flow = shuffled(FLOW, rows=(2, 0, 1), columns=(1, 2, 0))
    return [write_run(tmp_path / "rgb", RGB), write_run(tmp_path / "flow", flow)]


def test_average_is_the_mean_by_hand(pair: list[Path], tmp_path: Path) -> None:
    result = fuse(pair, out=tmp_path / "out", quiet=True)
    wanted = [[0.425, 0.375, 0.2], [0.3, 0.6, 0.1], [0.2, 0.35, 0.45]]
    read = Scores.read(tmp_path / "out/scores.csv")
    np.testing.assert_allclose(read.probabilities, wanted)
    assert (read.videos, read.classes, read.labels.tolist()) == (RGB.videos, CLASSES, [0, 1, 2])
    # RGB is right on a, flow on b and c, the mean on all three.
    assert [row.accuracy.mean for row in result.rows] == pytest.approx([1, 1 / 3, 2 / 3])
    gaps = [row.standing.difference.mean for row in result.rows if row.standing]
    assert gaps == pytest.approx([2 / 3, 1 / 3])


@pytest.mark.parametrize("weights", [[1.0, 2.0], [1 / 3, 2 / 3]])
def test_weights_are_made_to_sum_to_one(
    weights: list[float], pair: list[Path], tmp_path: Path
) -> None:
    result = fuse(pair, out=tmp_path / "out", weights=weights, quiet=True)
    wanted = (RGB.probabilities + 2 * FLOW.probabilities) / 3
    np.testing.assert_allclose(result.scores.probabilities, wanted)
    assert result.protocol["method"]["weights"] == pytest.approx([1 / 3, 2 / 3])


def test_result_is_held_against_the_best_single_run(tmp_path: Path) -> None:
    labels = [0, 1, 2] * 20
    good, poor = np.array(labels), np.zeros(60, int)
    # The good run is certain and wrong on six videos, on which the poor run is no help either.
    good[:18:3] = 1
    runs = [
        write_run(tmp_path / "poor", sure(poor.tolist(), labels)),
        write_run(tmp_path / "good", sure(good.tolist(), labels)),
    ]
    result = fuse(runs, out=tmp_path / "out", weights=[1, 3], quiet=True)
    assert [row.name for row in result.rows] == ["fusion", *map(str, runs)]
    assert result.verdicts[0].startswith(
        f"unresolved at this size: fusion minus the best single run, {tmp_path / 'good'}, +0.0"
    )
    assert result.rows[1].standing is not None
    assert result.rows[1].standing.difference.mean == pytest.approx((54 - 20) / 60)
    assert result.confusion.tolist() == [[14, 6, 0], [0, 20, 0], [0, 0, 20]]


def test_groups_of_a_manifest_are_resampled(tmp_path: Path) -> None:
    labels = [0, 1, 2] * 8
    videos = [f"v{n}" for n in range(24)]
    runs = [write_run(tmp_path / f"{n}", drawn(videos, labels, seed=n)) for n in range(2)]
    data = write_manifest(tmp_path / "m.csv", {video: video[-1] for video in videos})
    result = fuse(runs, out=tmp_path / "out", data=data, quiet=True)
    assert result.protocol["data"]["groups"] == 10
    assert all(row.standing.groups == 10 for row in result.rows if row.standing)
    assert not any("group of its own" in verdict for verdict in result.verdicts)


def test_common_videos_are_fused_when_asked_for(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "long", sure((0, 1, 2, 0), (0, 1, 2, 1))),
        write_run(tmp_path / "short", sure((0, 1, 2), (0, 1, 2))),
    ]
    with pytest.raises(InputError, match=r"'v3' of .*long is not in .*short .1 differ"):
        fuse(runs, out=tmp_path / "out", quiet=True)
    result = fuse(runs, out=tmp_path / "out", common=True, quiet=True)
    assert len(result.scores.videos) == 3
    assert "1 videos that not all runs have were left out" in result.verdicts


def test_command_line_takes_runs_by_place_wherever_options_stand(
    pair: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["fuse", "--weights", "[1,2]", *map(str, pair), "-o", str(out)]
    for _ in range(2):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code == 0
        printed = capsys.readouterr().out
        assert "fusion" in printed
        assert "0.333 × " in printed
        written = json.loads((out / "result.json").read_text())
        assert written["kind"] == "selfvid fuse"
        # The command line in the result makes the same result again.
        words = written["protocol"]["command"].split()[1:]
        words = [word.strip("'") for word in words]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": [1.0]}, "weights holds 1 for 2 runs"),
        ({"weights": [1.0, -1.0]}, "expected positive numbers"),
        ({"weights": [1.0, float("nan")]}, "expected positive numbers"),
        ({"how": "svm", "weights": [1.0, 2.0]}, "how is 'svm'; expected weights of an average"),
        ({"how": "svm"}, "has no training scores; expected scores_training.csv"),
        ({"data": Path("none.csv")}, "none.csv"),
    ],
)
def test_an_option_that_does_not_fit_is_one_line(
    options: dict[str, object], message: str, pair: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        fuse(pair, out=tmp_path / "out", quiet=True, **options)  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_runs_and_folders_that_do_not_fit_are_one_line(pair: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="runs holds 1; expected at least 2"):
        fuse(pair[:1], out=tmp_path / "out")
    with pytest.raises(InputError, match="named twice"):
        fuse([pair[0], pair[0]], out=tmp_path / "out")
    with pytest.raises(InputError, match=r"holds a scores.csv that no selfvid fuse left there"):
        fuse(pair, out=write_run(tmp_path / "other", RGB))
    with pytest.raises(InputError, match="is one of the runs"):
        fuse(pair, out=pair[0])
    assert Scores.read(pair[0] / "scores.csv").probabilities.tolist() == RGB.probabilities.tolist()
