from __future__ import annotations

from pathlib import Path

import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.encoders.base import Encoder, Provenance, load_encoder
from selfvid.encoders.flow_input import FlowFields
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.mirrored import MirroredEncoder
from selfvid.encoders.vectors import FlatFrames


def of_pixels() -> Encoder:
    torch.manual_seed(0)
    return FrameEncoder(SmallNet(channels=1, stages=(8,), grid=2)).eval()


def of_flow() -> Encoder:
    torch.manual_seed(0)
    return LSTMEncoder(FlatFrames((8, 8), input=FlowFields()), hidden=6)


def clip(channels: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return 255 * torch.rand(2, 5, channels, 8, 8, generator=generator)


@pytest.mark.parametrize("made", [of_pixels, of_flow], ids=["pixels", "flow"])
def test_a_clip_and_its_mirror_image_have_the_mean_of_their_vectors(made: type) -> None:
    encoder: Encoder = made()
    shown = clip(encoder.in_channels)
    image = torch.stack([shown[..., 7 - column] for column in range(8)], -1)
    if encoder.in_channels == 2:
        image[:, :, 0] *= -1
    both = MirroredEncoder(encoder)
    features, one, other = both(shown), encoder(shown), encoder(image)
    assert not torch.allclose(one.clip, other.clip)
    torch.testing.assert_close(features.clip, 0.5 * one.clip + 0.5 * other.clip)
    torch.testing.assert_close(
        features.need_steps("test"), 0.5 * one.need_steps("test") + 0.5 * other.need_steps("test")
    )
    torch.testing.assert_close(both(image).clip, features.clip)
    assert both.frames_for(3) == encoder.frames_for(3)


def test_it_comes_back_from_its_folder_and_was_trained_on_the_same_videos(tmp_path: Path) -> None:
    encoder = of_flow()
    encoder.provenance = Provenance(footage=("a",), frames=5)
    both = MirroredEncoder(encoder)
    again = load_encoder(both.save(tmp_path / "encoder"))
    assert again.provenance.footage == ("a",)
    assert torch.equal(again(clip(2)).clip, both(clip(2)).clip)
