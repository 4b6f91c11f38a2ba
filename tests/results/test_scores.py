from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from selfvid.errors import InputError
from selfvid.results.scores import Scores


def _scores(**changed: object) -> Scores:
    parts: dict[str, object] = {
        "videos": ("a", 'b, "c"', "d"),
        "labels": np.array([0, 1, 1]),
        "classes": ("left", "right"),
        "probabilities": np.array([[1 / 3, 2 / 3], [0.0, 1.0], [1e-17, 1 - 1e-17]]),
    }
    return Scores(**(parts | changed))  # type: ignore[arg-type]


def test_what_is_written_reads_back_to_the_last_digit(tmp_path: Path) -> None:
    scores = _scores()
    again = Scores.read(scores.write(tmp_path / "scores.csv"))
    assert again.videos == scores.videos
    assert again.classes == scores.classes
    assert (again.labels == scores.labels).all()
    assert (again.probabilities == scores.probabilities).all()
    assert again.predicted.tolist() == [1, 1, 1]


def test_writing_leaves_no_draft_behind(tmp_path: Path) -> None:
    _scores().write(tmp_path / "scores.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"videos": ("a", "b")}, "must have N = 2 labels"),
        ({"videos": ("a", "a", "b")}, "video 'a' twice"),
        ({"classes": ("left", "left")}, "class 'left' twice"),
        ({"labels": np.array([0, 1, 2])}, "labels must lie in 0 to 1, got 2"),
        ({"probabilities": np.array([[0.5, 0.5], [0.5, 0.6], [1, 0]])}, "summing to 1"),
        ({"probabilities": np.array([[0.5, 0.5], [np.nan, 1], [1, 0]])}, "summing to 1"),
        ({"probabilities": np.array([[-0.5, 1.5], [0, 1], [1, 0]])}, "expected 0 or more"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changed: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        _scores(**changed)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,label,x\n", "begin with"),
        ("video,label,x,y\na,x,0.5\n", "line 2 has 3 cells; expected 4"),
        ("video,label,x,y\na,z,0.5,0.5\n", "label is 'z'; expected one of x, y"),
        ("video,label,x,y\na,x,half,0.5\n", "not all numbers"),
        ("video,label,x,y\n", "hold 0 videos"),
        ("", "empty"),
    ],
)
def test_a_file_that_is_something_else_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        Scores.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="do not exist"):
        Scores.read(tmp_path / "none.csv")
