import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from selfvid.errors import InputError
from selfvid.saving.whole import (
    format_bytes,
    format_seconds,
    is_draft,
    replacing,
    require_disk_space,
    scratch_folder,
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


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "old").write_text("1")
    with replacing(folder) as draft:
        (draft / "in").mkdir(parents=True)
        (draft / "in" / "new").write_text("2")
        assert (folder / "old").exists()
    assert [path.name for path in folder.rglob("*")] == ["in", "new"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_file_is_on_the_disk_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[tuple[str, bool]] = []
    path = tmp_path / "a.json"

    def fsync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").resolve().name
        waited.append((name, path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    with replacing(path) as draft:
        draft.write_text("{}")
    assert waited == [(draft.name, False), (tmp_path.name, True)]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_drafts_of_processes_that_were_killed_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    killed = (
        "import os, sys; from pathlib import Path; from selfvid.saving.whole import replacing\n"
        "with replacing(Path(sys.argv[1])) as draft:\n"
        "    draft.mkdir() if sys.argv[2] == 'folder' else draft.write_text('half')\n"
        "    os._exit(9)"
    )
    ended = subprocess.run([sys.executable, "-c", killed, tmp_path / "a.csv", kind], check=False)
    assert ended.returncode == 9
    (left,) = tmp_path.iterdir()
    assert is_draft(left)
    monkeypatch.chdir(tmp_path.parent)
    write_whole(Path("elsewhere"), "")  # "." is another folder then
    monkeypatch.chdir(tmp_path)
    living = tmp_path / left.name.replace(left.name.split(".")[-3], str(os.getppid()))
    living.write_text("half")
    other = tmp_path / ".profile.7.draft"
    other.write_text("not ours")
    write_whole(Path("b.txt"), "new")
    assert {path.name for path in tmp_path.iterdir()} == {living.name, other.name, "b.txt"}


def test_drafts_from_other_machines_are_deleted_after_a_day(tmp_path: Path) -> None:
    new, old = (tmp_path / f".a.elsewhere.{number}.draft.csv" for number in (1, 2))
    for path in (new, old):
        path.write_text("half")
    os.utime(old, (time.time() - 2 * 24 * 3600,) * 2)
    with scratch_folder(tmp_path) as scratch:
        assert set(tmp_path.iterdir()) == {new, scratch}
        (scratch / "a").write_text("x")
    assert list(tmp_path.iterdir()) == [new]


def test_a_long_name_has_a_draft_too(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 250 + ".csv")
    assert write_whole(path, "x").read_text() == "x"


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
