from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selfvid.data.flow import plan
from selfvid.data.flow.folder import FlowRow, write_rows
from selfvid.data.flow.plan import Cost, FlowSettings, Work
from selfvid.data.flow.work import FlowFault, VideoFlow, compute_guarded
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.encode import write_video
from selfvid.errors import InputError
from selfvid.flow.estimate import DIS, Farneback
from selfvid.saving.recorded import build
from tests.data.flow.examples import ROW
from tests.flow.textures import drifting

SETTINGS = FlowSettings(
    estimator=DIS(),
    size=None,
    bound=None,
    directions=("forward",),
    decoder="auto",
    processes=1,
    threads=1,
)
TRIED = 4 * 5 * 12  # pixels of the fields that a trial of `Tried` computes


def row(name: str, *, frames: int = 7, **more: Any) -> Row:
    return Row(path=f"{name}.mp4", video=name, frames=frames, height=8, width=10, **more)


def done(name: str, folder: Path, **more: Any) -> FlowRow:
    """A row of the table, and its flow video of nine bytes."""
    (folder / f"{name}.mkv").write_bytes(b"9 bytes..")
    fields: dict[str, Any] = {"path": f"{name}.mkv", "video": name, "bound": 0.625, **more}
    return replace(ROW, **fields)


def test_the_longest_videos_come_first_and_segments_share_their_flow(tmp_path: Path) -> None:
    rows = (row("a", frames=5), row("b", frames=9), row("a", frames=5, start=0.5))
    both = replace(SETTINGS, directions=("forward", "backward"))
    todo, kept = plan.open_work(Manifest(rows, tmp_path), tmp_path, both, fresh=False)
    assert kept == 0
    assert [(work.path.name, work.fields) for work in todo] == [("b.mp4", 16), ("a.mp4", 8)]
    assert [list(work.files) for work in todo] == [["forward", "backward"]] * 2


def test_only_whole_flow_videos_of_the_table_are_kept(tmp_path: Path) -> None:
    names = ("whole", "cut", "gone", "bad", "new")
    rows = [done(name, tmp_path) for name in names[:4]]
    (tmp_path / "cut.mkv").write_bytes(b"8 bytes.")
    (tmp_path / "gone.mkv").unlink()
    write_rows(tmp_path, [*rows[:3], replace(rows[3], path="", status="bad")])
    manifest = Manifest(tuple(row(name) for name in names), tmp_path)
    todo, kept = plan.open_work(manifest, tmp_path, SETTINGS, fresh=False)
    assert kept == 1
    assert sorted(work.row.video for work in todo) == ["bad", "cut", "gone", "new"]
    todo, kept = plan.open_work(manifest, tmp_path, SETTINGS, fresh=True)
    assert (len(todo), kept) == (5, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": (4, 5)}, "at 8x10, bound 0.625; expected dis .* at 4x5, bound 0.3125"),
        ({"bound": 2.0}, "bound 0.625; expected dis .* bound 2"),
        ({"estimator": Farneback()}, "by dis .*; expected farneback"),
    ],
)
def test_a_folder_of_other_settings_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    write_rows(tmp_path, [done("a", tmp_path)])
    manifest = Manifest((row("b"),), tmp_path)
    assert plan.open_work(manifest, tmp_path, SETTINGS, fresh=False)[1] == 0
    with pytest.raises(InputError, match=message):
        plan.open_work(manifest, tmp_path, replace(SETTINGS, **change), fresh=False)


@pytest.mark.parametrize(
    ("noted", "given", "decoder", "frames"),
    [
        ("pyav", "auto", "pyav", 7),
        ("decord", "auto", "decord", 7),
        ("images", "auto", "auto", 0),  # what is noted is not a decoder of video files
        ("pyav", "decord", "decord", 0),  # another decoder may count other frames
        ("pyav", "pyav", "pyav", 7),
    ],
)
def test_frames_are_known_only_for_the_decoder_that_counted_them(
    noted: str, given: Any, decoder: str, frames: int
) -> None:
    arguments = replace(SETTINGS, decoder=given).arguments(
        row("a", decoder=noted, verified=True), Path("a.mp4")
    )
    assert (arguments["decoder"], arguments["known_frames"]) == (decoder, frames)


def test_a_call_is_plain_data_from_which_the_estimator_is_built_again(tmp_path: Path) -> None:
    work = Work(row=row("a"), path=Path("a.mp4"), files={"forward": "a.mkv"})
    settings = replace(SETTINGS, estimator=DIS("fast"))
    call = json.loads(json.dumps(plan.call_arguments(work, settings, tmp_path)))
    assert call["files"] == {"forward": str(tmp_path / "a.mkv")}
    assert call["allow"] == ["selfvid."]
    assert build(call["estimator"], allow=call["allow"]).settings == {"preset": "fast"}


def test_rows_tell_what_was_made_or_why_nothing_was(tmp_path: Path) -> None:
    work = Work(row=row("a"), path=Path("a.mp4"), files={"forward": "f", "backward": "b"})
    for name, size in (("f", 3), ("b", 5)):
        (tmp_path / name).write_bytes(b"x" * size)
    made = VideoFlow(
        frames=6, height=4, width=5, bound=2, clipped={"forward": 0.1, "backward": 0.2}, seconds=1
    )
    good = plan.flow_rows(work, SETTINGS, tmp_path, made=made)
    assert [(r.path, r.clipped, r.bytes) for r in good] == [("f", 0.1, 3), ("b", 0.2, 5)]
    assert {(r.status, r.frames, r.size, r.bound) for r in good} == {("ok", 6, (4, 5), 2)}
    bad = plan.flow_rows(work, SETTINGS, tmp_path, made=None, fault="unreadable")
    assert {(r.path, r.status, r.error, r.bytes) for r in bad} == {("", "bad", "unreadable", 0)}
    assert {(r.frames, r.size, r.bound) for r in bad} == {(7, (8, 10), 10 / 16)}
    assert [r.direction for r in bad] == ["forward", "backward"]


class Tried:
    """In place of `compute_flow_of`: half a second and 480 bytes for each trial."""

    def __init__(self, *unreadable: str) -> None:
        self.unreadable = unreadable
        self.fields: list[int] = []

    def __call__(self, path: str, files: dict[str, Path], *, sample: int, **_: Any) -> VideoFlow:
        if Path(path).name in self.unreadable:
            raise FlowFault("unreadable")
        self.fields.append(sample)
        for file in files.values():
            file.write_bytes(b"x" * 480)
        clipped = dict.fromkeys(files, 0.0)
        return VideoFlow(
            frames=sample + 1, height=4, width=5, bound=1, clipped=clipped, seconds=0.5
        )


def works(*fields: int) -> list[Work]:
    """Videos with so many fields each of 8 x 10 pixels."""
    made = []
    for number, count in enumerate(fields):
        name = str(number)
        video = row(name, frames=count + 1)
        made.append(Work(row=video, path=Path(f"{name}.mp4"), files={"forward": f"{name}.mkv"}))
    return made


@pytest.mark.parametrize("processes", [1, 2, 8])
def test_the_cost_of_all_fields_follows_from_a_trial_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    tried = Tried()
    monkeypatch.setattr(plan, "compute_flow_of", tried)
    settings = replace(SETTINGS, processes=processes)
    cost, fault = plan.estimate_cost(works(20, 10), settings, tmp_path)
    assert tried.fields == [1, 12, 12]  # the first call only warms up
    seconds = 0.5 / TRIED  # of a pixel
    # With two processes the longer video alone takes longer than half of all the work.
    expected = {1: 30, 2: 20, 8: 20}[processes] * 80 * seconds
    assert cost.seconds - plan._START == pytest.approx(expected)
    assert cost.longest == pytest.approx(20 * 80 * seconds)
    assert cost.bytes == pytest.approx(30 * 80 * 480 / TRIED)
    assert fault == ""
    assert not list(tmp_path.iterdir())


def test_a_trial_passes_over_videos_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "compute_flow_of", Tried("0.mp4"))
    cost, fault = plan.estimate_cost(works(5, 5), SETTINGS, tmp_path)
    assert (cost.longest > 0, fault) == (True, "0.mp4: unreadable")
    monkeypatch.setattr(plan, "compute_flow_of", Tried("0.mp4", "1.mp4"))
    cost, fault = plan.estimate_cost(works(5, 5), SETTINGS, tmp_path)
    assert (cost, fault) == (Cost(seconds=0, bytes=0, longest=0), "0.mp4: unreadable")


def test_flow_that_does_not_fit_on_the_disk_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    plan.check_disk(Cost(seconds=1, bytes=1000, longest=1), tmp_path)
    with pytest.raises(InputError, match="expected more room, a smaller size or less footage"):
        plan.check_disk(Cost(seconds=1, bytes=1001, longest=1), tmp_path)


def test_file_names_are_plain_names_whatever_the_video_is_called(tmp_path: Path) -> None:
    names = ("../a b/c?d", "." * 300, "x" * 300, "")
    rows = tuple(Row(path=f"{name}.mp4", video=f"id/{n}") for n, name in enumerate(names))
    todo, _ = plan.open_work(Manifest(rows, tmp_path), tmp_path, SETTINGS, fresh=False)
    files = [work.files["forward"] for work in todo]
    assert len(set(files)) == len(names)
    for file in files:
        assert Path(file).name == file
        assert not file.startswith(".")
        (tmp_path / file).write_bytes(b"")


def test_the_estimate_is_of_the_right_order(tmp_path: Path) -> None:
    rows = []
    for n in (0, 1, 3):
        write_video(tmp_path / f"{n}.mp4", drifting(5 + n, x=n, y=1, height=32, width=48))
        rows.append(replace(row(str(n), frames=5 + n), height=32, width=48, decoder="pyav"))
    settings = replace(SETTINGS, size=(32, 32))
    out = tmp_path / "flow"
    out.mkdir()
    todo, kept = plan.open_work(Manifest(tuple(rows), tmp_path), out, settings, fresh=False)
    assert kept == 0
    assert [work.fields for work in todo] == [7, 5, 4]
    cost, fault = plan.estimate_cost(todo, settings, out)
    assert not fault
    assert not list(out.iterdir())
    began = time.perf_counter()
    size = 0
    for work in todo:
        call = json.loads(json.dumps(plan.call_arguments(work, settings, out)))
        compute_guarded(**call)
        size += sum(Path(name).stat().st_size for name in call["files"].values())
    assert cost.bytes == pytest.approx(size, rel=0.5)
    assert cost.seconds < plan._START + 20 * (time.perf_counter() - began)
