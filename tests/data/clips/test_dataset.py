from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfvid.data.clips.dataset import ClipDataset, ClipKey, SideBySide
from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.clips.loader import clip_loader
from selfvid.data.clips.sampling import DenseClips, EvenClips, RandomClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import BrokenDecoderError, DecodeError
from selfvid.data.video.guard import Board
from selfvid.data.video.pyav_reader import PyAVReader
from selfvid.errors import InputError
from selfvid.types import Clip
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
    with pytest.raises(BrokenDecoderError, match="decoder pyav cannot decode a test clip"):
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


def test_a_clip_longer_than_every_video_is_refused_at_once(footage: Manifest) -> None:
    with pytest.raises(InputError, match=r"no video gives a clip of 33 frames .* has 32 frames"):
        ClipDataset(footage, RandomClips(33, short="skip"), size=SIZE)


def test_a_segment_behind_its_video_is_a_fault(footage: Manifest) -> None:
    behind = dataclasses.replace(footage.rows[0], start=7.0, end=8.0)
    manifest = Manifest((behind, footage.rows[1]), footage.root)
    loaded = ClipDataset(manifest, EvenClips(2), size=SIZE)[0]
    assert [clip.video for clip in loaded.clips] == ["video 1"]
    assert "segment from 7.0 to 8.0 s has no frames" in loaded.faults[0]


@pytest.mark.parametrize("size", [(0, 4), (4,)])
def test_a_nonsense_size_is_refused(footage: Manifest, size: Any) -> None:
    with pytest.raises(InputError, match=r"expected \(height, width\) in pixels"):
        ClipDataset(footage, EvenClips(2), size=size)


def test_two_data_sets_side_by_side_keep_their_items_and_their_classes_apart(
    footage: Manifest,
) -> None:
    first = ClipDataset(footage.select([0, 1]), EvenClips(2), size=SIZE, label="label")
    second = ClipDataset(footage.select([2, 3]), EvenClips(3), size=SIZE, label="label")
    both = SideBySide(first, second, classes=2)
    assert len(both) == 2 + 2
    for index, (alone, own, more) in enumerate(
        [(first, 0, 0), (first, 1, 0), (second, 0, 2), (second, 1, 2)]
    ):
        (clip,), (expected,) = both[index].clips, alone[own].clips
        assert same(dataclasses.replace(clip, label=expected.label), expected)
        assert clip.label == (expected.label or 0) + more


def test_side_by_side_an_item_is_drawn_as_in_its_own_data_set(footage: Manifest) -> None:
    first = ClipDataset(footage.select([0]), RandomClips(2), size=SIZE, seed=1)
    second = ClipDataset(footage.select([2, 3]), RandomClips(2, clips=4), size=SIZE, seed=2)
    both = SideBySide(first, second)
    clips, expected = both[ClipKey(5, 1 + 1)].clips, second[ClipKey(5, 1)].clips
    assert all(same(one, other) for one, other in zip(clips, expected, strict=True))
    assert [clip.label for clip in clips] == [None] * 4


def test_side_by_side_both_data_sets_note_what_they_read_on_one_board(footage: Manifest) -> None:
    first, second = (ClipDataset(footage, EvenClips(2), size=SIZE) for _ in range(2))
    both = SideBySide(first, second)
    both.board = Board(2)
    assert first.board is second.board is both.board


def test_only_a_clip_that_fits_no_video_is_refused_as_too_long(footage: Manifest) -> None:
    ClipDataset(footage, EvenClips(32), size=SIZE).require_fitting()
    with pytest.raises(InputError, match=r"longer than every video; .* longest, of 32 frames"):
        ClipDataset(footage, EvenClips(33), size=SIZE).require_fitting()
    unknown = dataclasses.replace(footage.rows[0], frames=0)  # it may be longer than it seems
    manifest = Manifest((unknown, *footage.rows[1:]), footage.root)
    ClipDataset(manifest, EvenClips(33), size=SIZE).require_fitting()


def test_another_cut_reads_in_the_same_way(footage: Manifest) -> None:
    policy = FaultPolicy(share=0)
    whole = ClipDataset(footage, EvenClips(4), size=SIZE, seed=3, faults=policy)
    part = whole.cut_by(footage.select([2]), RandomClips(2, clips=3))
    alone = ClipDataset(footage.select([2]), RandomClips(2, clips=3), size=SIZE, seed=3)
    assert (part.faults, part.size) == (policy, SIZE)
    assert all(same(one, other) for one, other in zip(part[0].clips, alone[0].clips, strict=True))


def test_an_empty_manifest_is_refused(footage: Manifest) -> None:
    with pytest.raises(InputError, match="manifest has no rows to read clips from"):
        ClipDataset(footage.select([]), EvenClips(2), size=SIZE)
