import pytest

from tests.bench import does_time_matter

pytestmark = pytest.mark.slow


def test_every_head_runs(capsys: pytest.CaptureFixture[str]) -> None:
    does_time_matter.main(["--quick"])
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == list(does_time_matter.HEADS)
