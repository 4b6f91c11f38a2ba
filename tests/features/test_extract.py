from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.sampling import EvenClips, WholeVideo
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import open_video
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.features.extract import Cut, EncoderView, Pooling, extract
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
