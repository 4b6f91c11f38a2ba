from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from selfvid.data.clips import dataset as dataset_module
from selfvid.data.clips import frame_store
from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.frame_store import FrameStore, StoredReader
from selfvid.data.clips.sampling import EvenClips, RandomClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import DecodeError, open_video
from selfvid.errors import InputError
from tests.data.footage import manifest_of, numbered_video, spoil

SIZE = (16, 24)


@pytest.fixture
def footage(tmp_path: Path) -> Manifest:
    return manifest_of(tmp_path, 20, 40)


def clips_of(manifest: Manifest, store: Path | None, *, epochs: int = 1) -> list[torch.Tensor]:
    sampling = RandomClips(frames=4, clips=2)
    dataset = ClipDataset(manifest, sampling, size=SIZE, decoded=store)
    return [
        clip.frames
        for epoch in range(epochs)
        for index in range(len(manifest))
        for clip in dataset[dataset_module.ClipKey(epoch, index)].clips
    ]


def test_kept_frames_are_those_of_the_decoder(
    footage: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_store, "_BLOCK", 16)  # 40 frames are two and a half blocks
    kept = clips_of(footage, tmp_path / "store", epochs=3)
    plain = clips_of(footage, None, epochs=3)
    assert len(kept) == 12
    assert all(map(torch.equal, kept, plain))


def test_times_and_header_are_those_of_the_video(footage: Manifest, tmp_path: Path) -> None:
    row = footage.rows[0]
    video = footage.path_of(row)
    store = FrameStore(tmp_path, size=SIZE)

    def otherwise() -> object:
        return open_video(video, decoder="pyav", size=SIZE)

    with (
        store.open(row.video, decoder="pyav", otherwise=otherwise, unchanged=list) as kept,  # type: ignore[arg-type]
        open_video(video, decoder="pyav", size=SIZE) as plain,
    ):
        assert (kept.frames, kept.rate, kept.decoder) == (20, 10.0, "pyav")
        assert kept.header == plain.header
        assert kept.times is not None
        assert plain.times is not None
        np.testing.assert_array_equal(kept.times, plain.times)
        np.testing.assert_array_equal(kept.read([7, 3, 3]), plain.read([7, 3, 3]))


def test_a_video_is_decoded_once(
    footage: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def counting(path: Path, **more: object) -> object:
        opened.append(path.name)
        return open_video(path, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(dataset_module, "open_video", counting)
    clips_of(footage, tmp_path / "store", epochs=4)
    assert opened == ["0.mp4", "1.mp4"]


def test_sizes_do_not_mix(footage: Manifest, tmp_path: Path) -> None:
    clips_of(footage, tmp_path / "store")
    other = ClipDataset(footage, EvenClips(4), size=(8, 8), decoded=tmp_path / "store")
    assert other[0].clips[0].frames.shape == (4, 3, 8, 8)
    assert len(list((tmp_path / "store").iterdir())) == 3


def test_a_video_that_cannot_be_decoded_leaves_nothing(footage: Manifest, tmp_path: Path) -> None:
    spoil(footage.path_of(footage.rows[0]))
    dataset = ClipDataset(footage, EvenClips(4), size=SIZE, decoded=tmp_path / "store")
    assert dataset[0].faults  # the other video stands in
    (kept,) = (tmp_path / "store").iterdir()
    assert kept.name.startswith("video%201-")


def test_damaged_frames_are_named(footage: Manifest, tmp_path: Path) -> None:
    clips_of(footage, tmp_path / "store")
    kept = min((tmp_path / "store").iterdir())
    spoil(kept)
    with pytest.raises(DecodeError, match="kept frames are damaged"):
        StoredReader(kept)


def test_a_name_from_a_stranger_stays_in_the_folder(tmp_path: Path) -> None:
    video = numbered_video(tmp_path / "v.mp4", frames=4)
    store = FrameStore(tmp_path / "store", size=SIZE)

    def otherwise() -> object:
        return open_video(video, decoder="pyav", size=SIZE)

    store.open("../escaped", decoder="pyav", otherwise=otherwise, unchanged=list)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["v.mp4"]


def test_the_room_is_counted_beforehand(
    footage: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FrameStore(tmp_path / "store", size=SIZE)
    assert store.check_room(footage) == 60 * 16 * 24 * 3
    clips_of(footage.select([0]), tmp_path / "store")
    assert store.check_room(footage) == 40 * 16 * 24 * 3
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(InputError, match="expected room for them"):
        store.check_room(footage)
