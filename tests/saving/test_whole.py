import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from selfvid.errors import InputError
from selfvid.saving.whole import (
    format_bytes,
    format_seconds,
    replacing,
    require_disk_space,
    write_whole,
)


def test_an_error_half_way_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "a.json", "old")

    def fail() -> None:
        with replacing(path) as draft:
            draft.write_text("ne")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_draft_keeps_the_suffix_and_takes_the_place(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with replacing(path) as draft:
        assert draft.suffix == ".npz"
        assert draft.parent == tmp_path
        draft.write_bytes(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"


def test_a_text_is_written_as_utf_8(tmp_path: Path) -> None:
    assert write_whole(tmp_path / "a.txt", "größer").read_bytes() == "größer".encode()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"folder '.*missing' does not exist"):
        write_whole(tmp_path / "missing" / "a.txt", "")


def test_amounts_are_printed_in_the_unit_that_suits_them() -> None:
    assert [format_bytes(size) for size in (2_500_000, 3e9)] == ["2.5 MB", "3.0 GB"]
    assert [format_seconds(length) for length in (90, 600, 9000)] == ["90 s", "10 min", "2.5 h"]


def test_what_does_not_fit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2_000_000))
    assert require_disk_space(2e6, tmp_path, what="frames", expected="less") == 2_000_000
    with pytest.raises(
        InputError, match=r"frames take about 2\.1 MB .* 2\.0 MB free; expected less"
    ):
        require_disk_space(2.1e6, tmp_path, what="frames", expected="less")


def test_names_that_are_no_utf8_do_not_spoil_a_text(tmp_path: Path) -> None:
    file = write_whole(tmp_path / "page.html", "caf\udce9 é")
    assert file.read_text(encoding="utf-8") == "caf\\udce9 é"
