from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.clips.loader import ClipDataset, ClipKey, Loaded, clip_loader, collate
from selfvid.data.clips.sampling import DenseClips, EvenClips, RandomClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import BrokenDecoderError, DecodeError
from selfvid.data.video.pyav_reader import PyAVReader
from selfvid.errors import InputError
from selfvid.types import Clip, ClipBatch
from tests.data.footage import manifest_of, numbers, spoil

SIZE = (16, 24)


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return manifest_of(tmp_path_factory.mktemp("footage"), 20, 24, 28, 32)


def same(one: Clip, other: Clip) -> bool:
    return (
        torch.equal(one.frames, other.frames)
        and torch.equal(one.times, other.times)
        and (one.video, one.label) == (other.video, other.label)
    )


def by_video(batches: list[ClipBatch]) -> dict[str, torch.Tensor]:
    return {
        video: frames
        for batch in batches
        for video, frames in zip(batch.videos, batch.frames, strict=True)
    }


def test_a_clip_has_its_pixels_times_video_and_label(footage: Manifest) -> None:
    clips = ClipDataset(footage, EvenClips(4, stride=2), size=SIZE, label="label")[1].clips
    assert len(clips) == 1
    assert clips[0].frames.shape == (4, 3, *SIZE)
    assert numbers(clips[0].frames) == [8, 10, 12, 14]
    torch.testing.assert_close(clips[0].times, torch.tensor([0.8, 1.0, 1.2, 1.4]).double())
    assert (clips[0].video, clips[0].label) == ("video 1", 1)
    assert clips[0].places is not None
    assert clips[0].places.tolist() == [8, 10, 12, 14]


def test_labels_of_a_part_count_into_the_classes_of_the_whole(footage: Manifest) -> None:
    part = footage.select([1])
    whole = footage.classes("label")
    dataset = ClipDataset(part, EvenClips(2), size=SIZE, label="label", classes=whole)
    assert dataset[0].clips[0].label == 1


def test_overlapping_clips_are_fetched_once_and_equal_separate_fetches(
    footage: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    plain = PyAVReader._picture

    def counting(self: PyAVReader, frame: Any) -> np.ndarray:
        decoded.append(frame.pts)
        return plain(self, frame)

    monkeypatch.setattr(PyAVReader, "_picture", counting)
    sampling = DenseClips(frames=8, hop=4)
    together = ClipDataset(footage, sampling, size=SIZE)[0].clips
    assert len(together) == 4
    assert len(decoded) == len(set(decoded)) == 20
    for number, clip in enumerate(together):
        row = dataclasses.replace(footage.rows[0], start=0.4 * number, end=0.4 * number + 0.75)
        alone = ClipDataset(Manifest((row,), footage.root), EvenClips(8), size=SIZE)[0].clips[0]
        assert same(clip, alone)


def test_a_key_gives_the_same_clip_whoever_reads_it_and_when(footage: Manifest) -> None:
    dataset = ClipDataset(footage, RandomClips(4, clips=1), size=SIZE, seed=5)
    keys = [ClipKey(3, index) for index in range(4)]
    alone = by_video([collate([dataset[key]]) for key in reversed(keys)])
    batches = [keys[:3], keys[3:]]
    for workers in (0, 1, 2):
        loaded = by_video(list(clip_loader(dataset, batches=batches, workers=workers)))
        assert loaded.keys() == alone.keys()
        assert all(torch.equal(loaded[video], alone[video]) for video in alone)


def test_epoch_seed_and_index_each_change_what_is_drawn(footage: Manifest) -> None:
    def drawn(seed: int, key: ClipKey) -> list[list[int]]:
        dataset = ClipDataset(footage, RandomClips(2, clips=6), size=SIZE, seed=seed)
        return [numbers(clip.frames) for clip in dataset[key].clips]

    first = drawn(0, ClipKey(0, 3))
    assert drawn(0, ClipKey(0, 3)) == first
    assert drawn(0, ClipKey(1, 3)) != first
    assert drawn(1, ClipKey(0, 3)) != first


def test_a_spoilt_file_is_replaced_counted_and_named(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, 20, 20, 20)
    spoil(tmp_path / "1.mp4")
    dataset = ClipDataset(manifest, RandomClips(4, clips=2), size=SIZE)
    loaded = dataset[ClipKey(0, 1)]
    assert {clip.video for clip in loaded.clips} <= {"video 0", "video 2"}
    assert len(loaded.faults) == len(loaded.clips) == 2
    assert "1.mp4: cannot be opened: Invalid data" in loaded.faults[0]
    again = dataset[ClipKey(0, 1)]
    assert all(same(one, other) for one, other in zip(loaded.clips, again.clips, strict=True))
    batch = next(iter(clip_loader(dataset, batch_size=3, workers=1)))
    assert batch.faults == loaded.faults


def test_evaluation_replaces_nothing(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, 20, 20)
    (tmp_path / "1.mp4").unlink()
    strict = ClipDataset(manifest, EvenClips(4), size=SIZE, faults=FaultPolicy(share=0))
    assert strict[0].clips
    for workers in (0, 1):
        loader = clip_loader(strict, batch_size=1, workers=workers)
        with pytest.raises(InputError, match=r"1\.mp4: does not exist any more") as caught:
            list(loader)
        assert len(str(caught.value).splitlines()) == 1


def test_footage_that_is_all_spoilt_stops_with_the_first_cause(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, 20, 20)
    for file in tmp_path.glob("*.mp4"):
        spoil(file)
    with pytest.raises(InputError, match=r"10 videos in a row gave no clip; the first: .*0\.mp4"):
        ClipDataset(manifest, EvenClips(4), size=SIZE)[0]


def test_a_broken_decoder_is_told_from_a_broken_file(
    footage: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead(self: PyAVReader, index: int) -> np.ndarray:
        raise DecodeError(self.path, f"frame {index} does not work")

    monkeypatch.setattr(PyAVReader, "_frame", dead)
    with pytest.raises(BrokenDecoderError, match="decoder pyav cannot decode a clip made on the"):
        ClipDataset(footage, EvenClips(4), size=SIZE)[0]


def test_short_videos_are_passed_over_in_training_and_empty_in_evaluation(
    footage: Manifest,
) -> None:
    sampling = RandomClips(30, short="skip")
    training = ClipDataset(footage, sampling, size=SIZE)
    assert [training[index].clips[0].video for index in range(4)] == ["video 3"] * 4
    assert training[0].faults == ()
    strict = ClipDataset(footage, sampling, size=SIZE, faults=FaultPolicy(share=0))
    assert [len(strict[index].clips) for index in range(4)] == [0, 0, 0, 1]
    with pytest.raises(InputError, match="a batch has no clips"):
        collate([Loaded([])])


def test_a_clip_longer_than_every_video_is_refused_at_once(footage: Manifest) -> None:
    with pytest.raises(InputError, match=r"no video gives a clip of 33 frames .* has 32 frames"):
        ClipDataset(footage, RandomClips(33, short="skip"), size=SIZE)


def test_a_segment_behind_its_video_is_a_fault(footage: Manifest) -> None:
    behind = dataclasses.replace(footage.rows[0], start=7.0, end=8.0)
    manifest = Manifest((behind, footage.rows[1]), footage.root)
    loaded = ClipDataset(manifest, EvenClips(2), size=SIZE)[0]
    assert [clip.video for clip in loaded.clips] == ["video 1"]
    assert "segment from 7.0 to 8.0 s has no frames" in loaded.faults[0]


def test_a_worker_that_hangs_is_given_up_and_its_file_named(
    footage: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = PyAVReader._frame

    def hanging(self: PyAVReader, index: int) -> np.ndarray:
        if Path(self.path).name == "2.mp4":
            time.sleep(600)
        return plain(self, index)

    monkeypatch.setattr(PyAVReader, "_frame", hanging)
    dataset = ClipDataset(footage, EvenClips(2), size=SIZE)
    loader = clip_loader(dataset, batch_size=1, workers=1, timeout=2.0)
    batches = iter(loader)
    assert next(batches).videos + next(batches).videos == ("video 0", "video 1")
    with pytest.raises(InputError, match=r"within 2 s; the workers were reading .*2\.mp4"):
        next(batches)


@pytest.mark.parametrize("size", [(0, 4), (4,)])
def test_a_nonsense_size_is_refused(footage: Manifest, size: Any) -> None:
    with pytest.raises(InputError, match=r"expected \(height, width\) in pixels"):
        ClipDataset(footage, EvenClips(2), size=size)


def test_a_reader_refuses_to_work_in_a_forked_process(footage: Manifest) -> None:
    reader = PyAVReader(str(footage.root / "0.mp4"))
    reader._process = os.getpid() + 1
    with pytest.raises(RuntimeError, match="opened in another process"):
        reader.read([0])
    reader.close()
