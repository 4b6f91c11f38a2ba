from __future__ import annotations

import functools
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from selfvid.data.indexing import command
from selfvid.data.indexing.command import index
from selfvid.data.indexing.survey import Survey
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.encode import write_video
from selfvid.data.video.guard import guarded_calls
from selfvid.errors import InputError
from selfvid.signals import Stopped, raised_signals

pytestmark = pytest.mark.slow


def scene(path: Path, seed: int, *, frames: int = 6, side: int = 48) -> Path:
    """A video of smooth random patterns, the same for the same seed at every size."""
    grid = torch.rand(frames, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    pixels = interpolate(grid, size=(side, side), mode="bilinear").mul(255).to(torch.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, pixels, rate=10.0)
    return path


def by_name(manifest: Manifest) -> dict[str, Row]:
    return {Path(row.path).name: row for row in manifest.rows}


@pytest.fixture
def read_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """A function that returns which files were opened since its last call, with the decoder."""
    log = tmp_path / "read.log"
    log.touch()
    inspector = "tests.data.indexing.inspectors:inspect_and_log"
    monkeypatch.setenv("INSPECT_LOG", str(log))
    monkeypatch.setattr(command, "Survey", functools.partial(Survey, inspector=inspector))

    def read_since() -> list[str]:
        lines = log.read_text().splitlines()
        log.write_text("")
        return sorted(lines)

    return read_since


def test_each_kind_of_fault_and_copy_is_named_in_words(tmp_path: Path) -> None:
    footage = tmp_path / "footage"
    whole = scene(footage / "a whole.mp4", 1)
    shutil.copy(whole, footage / "b copy.mp4")
    scene(footage / "c smaller.mp4", 1, side=36)
    scene(footage / "d other.mp4", 2)
    scene(footage / "e one.mp4", 3, frames=1)
    (footage / "f text.mp4").write_text("not a video")
    (footage / "g empty.mp4").touch()
    (footage / "h cut off.mp4").write_bytes(whole.read_bytes()[:700])
    os.mkfifo(footage / "i pipe.mp4")
    (footage / "j link.mp4").symlink_to("nowhere.mp4")
    for number in range(3):
        (footage / "k frames").mkdir(exist_ok=True)
        grey = np.full((16, 24), 40 * number, dtype=np.uint8)
        Image.fromarray(grey).save(footage / "k frames" / f"{number}.png")
    rows = by_name(index(footage, out=tmp_path / "m.csv", workers=1, quiet=True))
    assert {name[0]: row.error[:24] for name, row in rows.items() if row.error} == {
        "b": "exact duplicate of foota",
        "e": "too short (1 frame; 2 ne",
        "f": "unreadable (is a text, s",
        "g": "unreadable (empty file)",
        "h": "unreadable (cannot be op",
        "i": "unreadable (not a regula",
        "j": "not found",
    }
    assert [row.status for name, row in rows.items() if name[0] in "abcdk"] == [
        "ok",
        "duplicate",
        "ok",
        "ok",
        "ok",
    ]
    assert rows["c smaller.mp4"].near_duplicate_of == "footage/a whole.mp4"
    assert rows["d other.mp4"].near_duplicate_of == ""
    frames = rows["k frames"]
    assert (frames.decoder, frames.frames, frames.width, frames.height) == ("images", 3, 24, 16)
    groups = dict(zip(rows, Manifest.read(tmp_path / "m.csv").groups, strict=True))
    assert groups["a whole.mp4"] == groups["b copy.mp4"] == groups["c smaller.mp4"]
    assert groups["a whole.mp4"] != groups["d other.mp4"]


def test_only_files_that_changed_are_read_again(
    tmp_path: Path, read_files: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    footage, output = tmp_path / "footage", tmp_path / "m.csv"
    for seed, name in enumerate(["a.mp4", "b.mp4", "c.mp4"]):
        scene(footage / name, seed)
    index(footage, out=output, workers=1)
    assert read_files() == ["a.mp4 auto", "b.mp4 auto", "c.mp4 auto"]
    scene(footage / "b.mp4", 9, frames=8)
    scene(footage / "d.mp4", 4)
    (footage / "a.mp4").unlink()
    again = index(footage, out=output, workers=1)
    assert read_files() == ["b.mp4 auto", "d.mp4 auto"]
    assert {row.path: row.frames for row in again.rows} == {
        "footage/b.mp4": 8,
        "footage/c.mp4": 6,
        "footage/d.mp4": 6,
    }
    summary = capsys.readouterr().out
    assert "3 of 3 kept; 1 unchanged since last time" in summary
    assert "1 rows of the earlier manifest were dropped because their files are gone" in summary
    fresh = index(footage, out=output, workers=1, fresh=True, quiet=True)
    assert read_files() == ["b.mp4 auto", "c.mp4 auto", "d.mp4 auto"]
    assert fresh.rows == again.rows


def test_what_a_user_wrote_into_the_manifest_is_kept(
    tmp_path: Path, read_files: Callable[[], list[str]]
) -> None:
    footage, output = tmp_path / "footage", tmp_path / "m.csv"
    scene(footage / "x" / "a.mp4", 1)
    scene(footage / "y" / "b.mp4", 2)
    first = index(footage, out=output, labels="folder", groups=".$", workers=1, quiet=True)
    read_files()
    a, b = first.rows
    halves = [
        Row(**{**vars(b), "start": start, "end": start + 0.3, "label": label})
        for start, label in [(0.0, "sit"), (0.3, "stand")]
    ]
    edited = Row(**{**vars(a), "label": "mine", "split": "train", "columns": {"note": "good"}})
    Manifest((edited, *halves), first.root).write(output)
    again = index(footage, out=output, workers=1, quiet=True)
    assert read_files() == []
    assert [(r.label, r.split, r.group, r.start) for r in again.rows] == [
        ("mine", "train", "4", None),
        ("sit", "", "4", 0.0),
        ("stand", "", "4", 0.3),
    ]
    assert again.rows[0].columns == {"note": "good"}
    relabelled = index(footage, out=output, labels="folder", workers=1, quiet=True)
    assert [row.label for row in relabelled.rows] == ["x", "y", "y"]


def test_a_child_that_dies_or_hangs_is_followed_by_pyav(
    tmp_path: Path, read_files: Callable[[], list[str]]
) -> None:
    footage = tmp_path / "footage"
    for seed, name in enumerate(["a.mp4", "hang.mp4", "segfault.mp4", "z.mp4"]):
        scene(footage / name, seed)
    manifest = index(footage, out=tmp_path / "m.csv", workers=1, timeout=4.0, quiet=True)
    assert [row.status for row in manifest.rows] == ["ok"] * 4
    assert [row.decoder for row in manifest.rows][1:3] == ["pyav", "pyav"]
    assert read_files() == [
        "a.mp4 auto",
        "hang.mp4 auto",
        "hang.mp4 pyav",
        "segfault.mp4 auto",
        "segfault.mp4 pyav",
        "z.mp4 auto",
    ]


def test_what_only_hangs_or_crashes_gets_a_row_and_another_try_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    footage = tmp_path / "footage"
    for name in ["hang.mp4", "segfault.mp4", "raise.mp4"]:
        scene(footage / name, 1, frames=2)
    inspector = "tests.data.video.behaviours:behave_as_file"
    monkeypatch.setattr(command, "Survey", functools.partial(Survey, inspector=inspector))
    with pytest.raises(
        InputError, match=r"none of 3 videos is readable; the first is footage/hang.mp4"
    ):
        index(footage, out=tmp_path / "m.csv", workers=1, timeout=0.5, quiet=True)
    rows = by_name(Manifest.read(tmp_path / "m.csv"))
    assert rows["hang.mp4"].error == "timed out after 0.5 s"
    assert rows["segfault.mp4"].error == "reader died (SIGSEGV)"
    assert rows["raise.mp4"].error.startswith("unreadable (ValueError: ")
    monkeypatch.undo()
    again = index(footage, out=tmp_path / "m.csv", workers=1, quiet=True)
    assert by_name(again)["hang.mp4"].status == "ok"


@pytest.mark.parametrize("sign", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupted_index_continues_where_it_stopped(
    tmp_path: Path,
    read_files: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sign: str,
) -> None:
    footage, output = tmp_path / "footage", tmp_path / "m.csv"
    for number in range(4):
        scene(footage / f"{number}.mp4", number)

    def two_calls(*arguments: object, **options: object) -> object:
        answers = guarded_calls(*arguments, **options)  # type: ignore[arg-type]
        yield next(answers)
        yield next(answers)
        answers.close()
        signal.raise_signal(getattr(signal, sign))

    monkeypatch.setattr("selfvid.data.indexing.survey.guarded_calls", two_calls)
    with raised_signals(), pytest.raises((KeyboardInterrupt, Stopped)):
        index(footage, out=output, workers=1, quiet=True)
    assert not output.exists()
    assert "the same command continues from" in capsys.readouterr().err
    assert len(Manifest.read(tmp_path / "m.partial.csv")) == 2
    monkeypatch.setattr("selfvid.data.indexing.survey.guarded_calls", guarded_calls)
    read_files()
    assert len(index(footage, out=output, workers=1, quiet=True).usable) == 4
    assert read_files() == ["2.mp4 auto", "3.mp4 auto"]
    assert not (tmp_path / "m.partial.csv").exists()


def test_what_a_user_can_get_wrong_is_one_line_and_loses_nothing(
    tmp_path: Path, read_files: Callable[[], list[str]]
) -> None:
    footage = tmp_path / "footage"
    (footage / "deep").mkdir(parents=True)
    (footage / "text.mp4").write_text("not a video")
    (tmp_path / "mine.csv").write_text("path,label\nfootage/text.mp4,a\n")
    (tmp_path / "notes.csv").write_text("remember,the milk\n")
    (tmp_path / "folder.csv").mkdir()

    def fails(message: str, output: str = "m.csv", **options: object) -> None:
        before = {file: file.read_bytes() for file in tmp_path.glob("*.csv") if file.is_file()}
        with pytest.raises(InputError, match=message) as caught:
            index(footage, out=tmp_path / output, quiet=True, **options)  # type: ignore[arg-type]
        assert len(str(caught.value).splitlines()) == 1
        assert all(file.read_bytes() == content for file, content in before.items())

    fails("notes.csv' exists and is not a manifest", "notes.csv")
    fails("mine.csv' exists and is not a manifest", "mine.csv")
    fails("folder.csv' exists and is not a manifest", "folder.csv")
    fails("ends in '.txt'; expected .csv or .parquet", "m.txt")
    fails("is not in a folder that can be written to", "no/such/m.csv")
    fails("timeout is 0; expected more than 0 seconds", timeout=0)
    fails("workers is 0; expected 1 or more", workers=0)
    fails("decoder is 'vlc'", decoder="vlc")
    fails(r"groups 'x\$' matches no video", groups="x$")
    assert read_files() == []
    fails(r"none of 1 videos is readable; the first is footage/text.mp4: unreadable .*/m.csv$")
    assert Manifest.read(tmp_path / "m.csv").rows[0].status == "bad"
    with pytest.raises(InputError, match="also contains 1 videos that are not in this footage"):
        index(scene(tmp_path / "other.mp4", 1), out=tmp_path / "m.csv", quiet=True)


def test_a_broken_decoder_is_distinguished_from_broken_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.mp4").write_text("not a video")
    monkeypatch.setattr(command, "CHECK", "tests.data.video.behaviours:broken_decoder")
    with pytest.raises(InputError, match="the decoder is broken: decoder pyav gives noise"):
        index(tmp_path, out=tmp_path / "m.csv", decoder="pyav", workers=1, quiet=True)
