from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

import selfvid.features.videos
from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import DenseClips, EvenClips, WholeVideo
from selfvid.data.flow.origin import FlowReading, open_flow
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.reader import VideoReader
from selfvid.features.videos import PART, read_clips


@pytest.fixture
def videos(digits_manifest: Path) -> Manifest:
    return Manifest.read(digits_manifest).select(range(5))


def test_a_long_video_in_parts_gives_every_window_once(videos: Manifest) -> None:
    row = dataclasses.replace(videos.rows[0], frames=0)  # unknown length: one part
    sampling = DenseClips(frames=2, hop=1)
    whole = list(read_clips(Manifest((row,), videos.root), sampling, size=(8, 8)))
    assert len(whole) == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selfvid.features.videos, "PART", 3)
        parts = list(read_clips(videos.select([0]), sampling, size=(8, 8)))
    assert [len(part.clips) for part in parts] == [3, 3, 1]
    assert [part.first for part in parts] == [0, 3, 6]
    assert [part.last for part in parts] == [False, False, True]
    joined = [clip.frames for part in parts for clip in part.clips]
    assert torch.equal(torch.stack(joined), torch.stack([c.frames for c in whole[0].clips]))
    assert PART > 3


def test_worker_processes_read_the_same(videos: Manifest) -> None:
    here, there = (
        list(read_clips(videos, WholeVideo(frames=4), size=(16, 16), workers=n)) for n in (0, 1)
    )
    for one, other in zip(here, there, strict=True):
        assert one.row == other.row
        assert torch.equal(one.clips[0].frames, other.clips[0].frames)


def test_a_video_without_clips_has_a_fault(videos: Manifest, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    rows = (videos.rows[0], dataclasses.replace(videos.rows[1], path=str(broken)))
    found, failed = read_clips(Manifest(rows, videos.root), WholeVideo(frames=2), size=(8, 8))
    assert (found.row, len(found.clips), found.fault) == (0, 1, "")
    assert (failed.row, failed.clips, failed.last) == (1, (), True)
    assert "broken.mp4" in failed.fault


def test_a_video_shorter_than_a_clip_is_named(videos: Manifest) -> None:
    long = dataclasses.replace(videos.rows[0], end=None)
    short = dataclasses.replace(videos.rows[1], start=0.0, end=0.1)
    rule = EvenClips(frames=6, short="skip")
    manifest = Manifest((long, short), videos.root)
    faults = [read.fault for read in read_clips(manifest, rule, size=(8, 8))]
    assert faults == ["", f"{short.path}: shorter than a clip"]


def test_a_video_that_is_read_in_parts_is_opened_once(
    videos: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    plain = ClipDataset._open

    def counting(self: ClipDataset, row: Row) -> VideoReader:
        opened.append(row.path)
        return plain(self, row)

    monkeypatch.setattr(ClipDataset, "_open", counting)
    monkeypatch.setattr(selfvid.features.videos, "PART", 2)
    reads = list(read_clips(videos.select([0, 1]), DenseClips(frames=2, hop=1), size=(16, 16)))
    assert len(reads) > 4
    assert opened == [row.path for row in videos.rows[:2]]


@pytest.mark.slow
def test_flow_is_the_same_from_a_folder_and_estimated_in_a_worker(
    videos: Manifest, digits_flow: Path
) -> None:
    def reads(flow: str | Path, workers: int) -> list[torch.Tensor]:
        reading = FlowReading(open_flow(flow))
        found = read_clips(
            videos, WholeVideo(frames=3), size=(32, 32), workers=workers, flow=reading
        )
        return [clip.frames for read in found for clip in read.clips]

    stored, here, there = reads(digits_flow, 0), reads("dis", 0), reads("dis", 1)
    assert [each.shape for each in stored] == [(3, 2, 32, 32)] * len(videos)
    assert all(map(torch.equal, stored, here))
    assert all(map(torch.equal, stored, there))
