from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.sampling import DenseClips, EvenClips, WholeVideo
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import open_video
from selfvid.encoders.base import fingerprint
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.features.extract import Cut, EncoderView, Pooling, extract
from selfvid.features.videos import PART, read_clips
from selfvid.features.views import view_of
from selfvid.probing.features import Extraction, ProbeFeatures, gather
from selfvid.types import Features

CPU = torch.device("cpu")


@pytest.fixture
def videos(digits_manifest: Path) -> Manifest:
    return Manifest.read(digits_manifest).select(range(5))


@pytest.fixture
def encoder() -> FrameEncoder:
    torch.manual_seed(0)
    return FrameEncoder(SmallNet(channels=1, stages=(8, 16))).eval()


def _steps(*values: float) -> Features:
    steps = torch.tensor(values, dtype=torch.float32).reshape(1, -1, 1)
    return Features(clip=steps.mean(1), steps=steps)


def test_segments_are_means_of_equal_parts_side_by_side() -> None:
    made = Pooling("segments", 3)(_steps(1, 3, 5, 7, 9, 20))
    assert made.tolist() == [[2, 6, 14.5]]


def test_segments_share_out_what_does_not_divide() -> None:
    made = Pooling("segments", 3)(_steps(1, 3, 5, 7))
    assert made.tolist() == [[2, 5, 7]]


def test_mean_pooling_is_the_encoders_own_clip_vector() -> None:
    features = dataclasses.replace(_steps(1, 2), clip=torch.tensor([[42.0]]))
    assert Pooling("mean")(features).tolist() == [[42.0]]


def test_more_segments_than_steps_are_refused() -> None:
    with pytest.raises(InputError, match="segments is 3; expected at most 2"):
        Pooling("segments", 3)(_steps(1, 2))


def test_segments_of_an_encoder_without_steps_are_refused() -> None:
    with pytest.raises(InputError, match="pool segments needs step features"):
        Pooling("segments", 2)(Features(clip=torch.zeros(1, 4)))


def _clips() -> Tensor:
    return torch.arange(2 * 6).reshape(2, 6, 1, 1, 1)


def test_frozen_clips_repeat_their_middle_frame() -> None:
    frozen = view_of(_clips(), ["a", "b"], "frozen")
    assert frozen.flatten(1).tolist() == [[3] * 6, [9] * 6]


def test_shuffled_clips_keep_their_frames_and_lose_their_order() -> None:
    shuffled = view_of(_clips(), ["a", "b"], "shuffled").flatten(1)
    assert shuffled.sort(1).values.tolist() == _clips().flatten(1).tolist()
    assert (shuffled != _clips().flatten(1)).any(1).all()


def test_a_clip_is_shuffled_by_its_name_alone() -> None:
    together = view_of(_clips(), ["a", "b"], "shuffled")
    alone = view_of(_clips()[1:], ["b"], "shuffled")
    assert torch.equal(together[1:], alone)


def test_two_frames_always_change_places() -> None:
    clips = torch.tensor([0, 1]).reshape(1, 2, 1, 1, 1)
    names = [[f"video {n}"] for n in range(20)]
    assert all(view_of(clips, name, "shuffled").flatten().tolist() == [1, 0] for name in names)


def test_features_are_those_of_frames_read_one_by_one(
    videos: Manifest, encoder: FrameEncoder
) -> None:
    cut = Cut(EvenClips(frames=3, clips=2), (32, 32))
    found = extract({"it": EncoderView(encoder)}, videos, cut, device=CPU, quiet=True)["it"]
    for row, vector in zip(videos.rows, found.vectors, strict=True):
        with open_video(videos.path_of(row), size=(32, 32)) as reader:
            clips = [reader.read([0, 1, 2]), reader.read([5, 6, 7])]
        each = []
        for frame in np.concatenate(clips):
            pixels = torch.from_numpy(frame).permute(2, 0, 1)[None, None]
            with torch.inference_mode():
                each.append(encoder(pixels).clip[0].numpy())
        np.testing.assert_allclose(vector, np.mean(each, axis=0), atol=1e-5)


def test_a_long_video_in_parts_gives_every_window_once(videos: Manifest) -> None:
    row = dataclasses.replace(videos.rows[0], frames=0)  # unknown length: one part
    sampling = DenseClips(frames=2, hop=1)
    whole = list(read_clips(Manifest((row,), videos.root), sampling, size=(8, 8)))
    assert len(whole) == 1
    import selfvid.features.videos as reading

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "PART", 3)
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


def test_a_video_that_cannot_be_read_is_named_and_never_replaced(
    videos: Manifest, encoder: FrameEncoder, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    rows = (*videos.rows[:2], dataclasses.replace(videos.rows[2], path=str(broken)))
    cut = Cut(WholeVideo(frames=2), (16, 16))
    with_broken = Manifest(rows, videos.root)
    found = extract({"it": EncoderView(encoder)}, with_broken, cut, device=CPU, quiet=True)["it"]
    assert found.read.tolist() == [True, True, False]
    assert len(found.faults) == 1
    assert "broken.mp4" in found.faults[0]
    with pytest.raises(InputError, match="none of the 1 videos could be read"):
        extract({"it": EncoderView(encoder)}, with_broken.select([2]), cut, device=CPU, quiet=True)


def test_an_encoder_that_diverged_is_refused(videos: Manifest, encoder: FrameEncoder) -> None:
    with torch.no_grad():
        next(encoder.parameters()).fill_(torch.nan)
    cut = Cut(WholeVideo(frames=2), (16, 16))
    with pytest.raises(InputError, match="features of it are not finite for 5 of 5"):
        extract({"it": EncoderView(encoder)}, videos, cut, device=CPU, quiet=True)


def test_kept_features_are_used_again_and_only_for_the_same_question(
    videos: Manifest, encoder: FrameEncoder, tmp_path: Path
) -> None:
    cut = Cut(WholeVideo(frames=2), (16, 16))
    how = Extraction(tmp_path, fresh=False, device=CPU, workers=0, quiet=True)
    encoder_views = {
        "encoder": (EncoderView(encoder),),
        "frozen": (EncoderView(encoder, "frozen"),),
    }
    first = gather(encoder_views, videos, cut, how)
    again = gather(encoder_views, videos, cut, how)
    assert (first.reused, again.reused) == (0, 2)
    assert (first.variants["encoder"][0] == again.variants["encoder"][0]).all()
    assert not (first.variants["encoder"][0] == first.variants["frozen"][0]).all()
    larger = dataclasses.replace(cut, size=(24, 24))
    assert gather(encoder_views, videos, larger, how).reused == 0
    assert gather(encoder_views, videos.select([1, 0, 2, 3, 4]), cut, how).reused == 0
    assert gather(encoder_views, videos, cut, dataclasses.replace(how, fresh=True)).reused == 0


def test_a_changed_weight_or_buffer_changes_the_fingerprint(encoder: FrameEncoder) -> None:
    before = fingerprint(encoder)
    with torch.no_grad():
        next(encoder.parameters()).view(-1)[0] += 1e-6
    assert fingerprint(encoder) != before


def test_a_damaged_feature_file_is_read_as_none(
    videos: Manifest, encoder: FrameEncoder, tmp_path: Path
) -> None:
    cut = Cut(WholeVideo(frames=2), (16, 16))
    store = ProbeFeatures(tmp_path, videos, cut, device="cpu")
    encoder_view = EncoderView(encoder)
    path = store.write(
        encoder_view, extract({"it": encoder_view}, videos, cut, device=CPU, quiet=True)["it"]
    )
    assert store.read(encoder_view) is not None
    path.write_bytes(path.read_bytes()[:100])
    assert store.read(encoder_view) is None
