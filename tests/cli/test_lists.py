from __future__ import annotations

from pathlib import Path

import pytest

from selfvid.cli.lists import with_lists
from tests.cli.calls import fails_in_one_line


def function(
    run: Path,
    *,
    splits: list[Path | str] | None = None,
    weights: list[float] | None = None,
    size: int | list[int] | None = None,
    against: list[Path | str] | Path | str | None = None,
    out: Path | str,
) -> None: ...


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        ("r --splits a b.txt -o o", 'r --splits=["a", "b.txt"] -o o'),
        ("--splits a", '--splits=["a"]'),
        ("--weights 1 -0.5 --out o", "--weights=[1, -0.5] --out o"),
        ("--splits ['a'] r", "--splits ['a'] r"),
        ("--size 1 --against a r", "--size 1 --against a r"),
        ("--splits --out o", "--splits --out o"),
    ],
)
def test_values_of_a_list_may_be_words(words: str, joined: str) -> None:
    found = " ".join(with_lists(words.split(), function))
    assert found == joined


def test_index_takes_several_places_and_splits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("UCF-101/Row/v_Row_g01_c01.avi", "UCF-101/Row/v_Row_g02_c01.avi"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(bytes(99))
    Path("trainlist01.txt").write_text("Row/v_Row_g01_c01.avi 1\n")
    Path("testlist01.txt").write_text("Row/v_Row_g02_c01.avi\n")
    lists = ("trainlist01.txt", "testlist01.txt")
    for words in (("UCF-101", *lists), ("UCF-101", "--splits", *lists)):
        line = fails_in_one_line(capsys, "index", *words, "-o", "ucf.csv", "--quiet")
        assert "none of 2 videos is readable" in line
        assert Path("ucf.csv").read_text().count(",Row,") == 2
        Path("ucf.csv").unlink()
