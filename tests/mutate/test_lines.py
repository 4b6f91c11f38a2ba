from pathlib import Path

import pytest

from tests.mutate import __main__ as mutate
from tests.mutate.lines import MUTATIONS, Mutation

ROOT = Path(__file__).parents[2]


def test_every_line_stands_once_where_the_list_says_and_its_tests_are_there() -> None:
    assert len(MUTATIONS) >= 80
    for mutation in MUTATIONS:
        source = (ROOT / "selfvid" / mutation.module).read_text(encoding="utf-8")
        assert mutation.applied(source) != source
        assert all((ROOT / file).is_file() for file in mutation.tests)


def test_a_text_that_is_not_there_is_an_error() -> None:
    gone = Mutation("heads/lrcn.py", "no such line", "", ())
    with pytest.raises(ValueError, match="'no such line' 0 times"):
        gone.applied("something else")


@pytest.mark.parametrize("survived", [True, False])
def test_survivors_are_named_and_are_an_error(
    survived: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mutate, "survives", lambda _: survived)
    assert mutate.main(["heads/lrcn.py"]) == int(survived)
    said = capsys.readouterr().out
    assert said.startswith("SURVIVED" if survived else "noticed")
    assert said.endswith(f"{3 * survived} of 3 broken lines were not noticed\n")
