import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfvid.errors import InputError
from selfvid.results.files import (
    RESULT,
    UNFINISHED,
    check_folder,
    kind_of,
    plain,
    write_result,
    writing_files,
)
from selfvid.statistics.intervals import Interval


@dataclass(frozen=True)
class Row:
    name: str
    accuracy: Interval


@dataclass(frozen=True)
class Result:
    path: Path
    rows: tuple[Row, ...]
    confusion: np.ndarray
    loss: float = math.nan


def found(folder: Path) -> Result:
    rows = (Row("encoder", Interval(math.nan, 0.5, math.nan)),)
    return Result(folder / RESULT, rows, np.array([[1, 2], [3, 4]]))


def test_a_result_is_plain_json_with_its_kind_and_without_its_path(tmp_path: Path) -> None:
    written = write_result(found(tmp_path), tmp_path / RESULT, kind="probe")
    assert json.loads(written.read_text()) == {
        "kind": "probe",
        "rows": [{"name": "encoder", "accuracy": {"low": None, "mean": 0.5, "high": None}}],
        "confusion": [[1, 2], [3, 4]],
        "loss": None,
    }
    assert kind_of(written) == "probe"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (-math.inf, None),
        (np.array([1.5, np.nan]), [1.5, None]),
        ({3: Path("a/b")}, {"3": "a/b"}),
        ((1, "a", None), [1, "a", None]),
    ],
)
def test_values_become_what_json_can_represent(value: Any, expected: Any) -> None:
    assert plain(value) == expected
    json.dumps(plain(value), allow_nan=False)


@pytest.mark.parametrize("content", [None, "{", "[1]", "3", '{"other": 1}'])
def test_a_file_that_is_not_a_result_has_no_kind(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / RESULT).write_text(content)
    assert kind_of(tmp_path / RESULT) is None


def test_a_result_replaces_one_of_its_kind_only(tmp_path: Path) -> None:
    check_folder(tmp_path / "new", kind="probe")
    check_folder(tmp_path, kind="probe", files=("scores.csv",))
    write_result(found(tmp_path), tmp_path / RESULT, kind="probe")
    (tmp_path / "scores.csv").touch()
    check_folder(tmp_path, kind="probe", files=("scores.csv",))
    with pytest.raises(InputError, match=r"holds a result\.json that no selfvid fuse left there"):
        check_folder(tmp_path, kind="fuse", called="selfvid fuse")


def test_files_of_others_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "scores.csv").touch()
    check_folder(tmp_path, kind="probe")  # nothing of that name will be written
    with pytest.raises(InputError, match=r"holds a scores\.csv that no probe left there"):
        check_folder(tmp_path, kind="probe", files=("scores.csv",))
    with pytest.raises(InputError, match=r"scores\.csv', a file; expected a folder"):
        check_folder(tmp_path / "scores.csv", kind="probe")


def test_files_of_a_command_that_was_killed_may_be_written_again(tmp_path: Path) -> None:
    write_result(found(tmp_path), tmp_path / RESULT, kind="probe")

    def killed() -> None:
        with writing_files(tmp_path, kind="probe"):
            assert not (tmp_path / RESULT).exists()
            (tmp_path / "scores.csv").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    assert (tmp_path / UNFINISHED).read_text() == "probe\n"
    check_folder(tmp_path, kind="probe", files=("scores.csv",))
    with pytest.raises(InputError, match=r"holds a scores\.csv that no fuse left there"):
        check_folder(tmp_path, kind="fuse", files=("scores.csv",))
    with writing_files(tmp_path, kind="probe"):
        write_result(found(tmp_path), tmp_path / RESULT, kind="probe")
    assert {path.name for path in tmp_path.iterdir()} == {"scores.csv", RESULT}
