import pytest

from tests.bench import does_time_matter


@pytest.mark.parametrize("head", does_time_matter.HEADS)
def test_every_head_runs(head: str, capsys: pytest.CaptureFixture[str]) -> None:
    does_time_matter.main(["--quick", "--heads", head])
    assert capsys.readouterr().out.startswith(head)
