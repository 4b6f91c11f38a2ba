from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from selfvid.backbones.baccouche import Baccouche
from selfvid.backbones.base import ClipBackbone
from selfvid.backbones.c3d import C3D
from selfvid.backbones.inflated import Inflated
from selfvid.backbones.karpathy import EarlyFusion, LateFusion, SingleFrame, SlowFusion
from selfvid.backbones.small import SmallNet
from selfvid.backbones.torchvision_video import TorchvisionVideo
from selfvid.encoders.base import load_encoder
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.flow_input import FlowFields
from selfvid.encoders.input import DifferenceInput, PixelInput
from selfvid.encoders.local_contrast import LocalContrast
from selfvid.errors import InputError

NETWORKS: dict[str, tuple[Callable[[], ClipBackbone], tuple[int, int]]] = {
    "single": (lambda: SingleFrame("small"), (32, 32)),
    "early": (lambda: EarlyFusion("small", norm="batch"), (32, 40)),
    "late": (lambda: LateFusion("small", streams="both"), (32, 32)),
    "slow": (lambda: SlowFusion("small", channels=1), (32, 32)),
    "c3d": (lambda: C3D("fc7", size="small", norm="batch"), (32, 32)),
    "mc3": (lambda: TorchvisionVideo("mc3_18", frames=4), (32, 32)),
    "inflated": (lambda: Inflated(SmallNet(channels=1, stages=(8, 16)), frames=5), (32, 32)),
    "baccouche": (Baccouche, (34, 54)),
}


def made(name: str) -> tuple[ClipEncoder, tuple[int, int]]:
    torch.manual_seed(0)
    make, size = NETWORKS[name]
    input = LocalContrast() if name == "baccouche" else None
    return ClipEncoder(make(), input=input).eval(), size


def clips(batch: int, frames: int, size: tuple[int, int]) -> Tensor:
    generator = torch.Generator().manual_seed(frames)
    shape = (batch, frames, 3, *size)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("name", NETWORKS)
@torch.inference_mode()
def test_declared_widths_are_those_of_the_features(name: str) -> None:
    encoder, size = made(name)
    features = encoder(clips(2, encoder.window, size))
    assert features.clip.shape == (2, encoder.widths.clip)
    assert torch.equal(features.need_steps("test"), features.clip.unsqueeze(1))
    maps = features.need_maps("test")
    assert tuple(m.shape[2] for m in maps) == encoder.widths.maps
    assert all(m.shape[:2] == (2, 1) for m in maps)
    assert features.window == encoder.window


@pytest.mark.parametrize("name", NETWORKS)
@torch.inference_mode()
def test_what_is_saved_is_what_is_loaded(name: str, tmp_path: Path) -> None:
    encoder, size = made(name)
    encoder.save(tmp_path / "encoder")
    again = load_encoder(tmp_path / "encoder")
    clip = clips(1, encoder.window, size)
    torch.testing.assert_close(again(clip).clip, encoder(clip).clip)


@torch.inference_mode()
def test_maps_are_averaged_over_time() -> None:
    encoder, size = made("slow")
    clip = clips(1, 10, size)
    inner = encoder.backbone(encoder.input(clip).transpose(1, 2)).maps
    for level, mine in zip(encoder(clip).need_maps("test"), inner, strict=True):
        torch.testing.assert_close(level[:, 0], sum(mine.unbind(2)) / mine.shape[2])


@torch.inference_mode()
def test_an_input_of_two_frames_makes_the_window_one_longer() -> None:
    encoder = ClipEncoder(SlowFusion("small", channels=1), input=DifferenceInput()).eval()
    assert encoder.window == 11
    assert encoder(clips(1, 11, (32, 32))).clip.shape == (1, 256)


@torch.inference_mode()
def test_flow_is_seen_as_well_as_pixels() -> None:
    encoder = ClipEncoder(C3D(size="small", channels=2), input=FlowFields()).eval()
    assert encoder.in_channels == 2
    assert encoder(torch.randn(1, 16, 2, 32, 32)).clip.shape == (1, 256)


def test_clips_of_another_length_are_refused() -> None:
    encoder, size = made("slow")
    with pytest.raises(InputError, match="takes clips of 10 frames, got 11; expected a SlidingEnc"):
        encoder(clips(1, 11, size))
    with pytest.raises(InputError, match="takes clips of 10 frames, got 9; expected longer clips"):
        encoder(clips(1, 9, size))


def test_channels_must_agree() -> None:
    with pytest.raises(InputError, match="input makes 1 channels, C3D expects 3"):
        ClipEncoder(C3D(size="small"), input=PixelInput("grey"))


def crossing_bars(batch: int, frames: int) -> tuple[Tensor, Tensor]:
    """Bars that cross the frame from a random start, to the right if the label is 1."""
    labels = torch.arange(batch) % 2
    clip = torch.full((batch, frames, 3, 32, 32), 30, dtype=torch.uint8)
    starts = torch.randint(0, 32, (batch,))
    for number in range(batch):
        for time in range(frames):
            step = 2 * time if labels[number] else -2 * time
            clip[number, time, :, :, (starts[number] + step + torch.arange(4)) % 32] = 220
    return clip, labels


@pytest.mark.parametrize(
    ("make", "fuses"), [(SingleFrame, False), (EarlyFusion, True), (SlowFusion, True)]
)
def test_only_networks_that_fuse_frames_learn_the_direction(make: type, fuses: bool) -> None:
    torch.manual_seed(0)
    encoder = ClipEncoder(make("small", channels=1, norm="batch"))
    last = torch.nn.Linear(encoder.widths.clip, 2)
    weights = [*encoder.parameters(), *last.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=1e-3)
    for _ in range(25):
        clip, labels = crossing_bars(32, encoder.window)
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(last(encoder(clip).clip), labels).backward()
        optimiser.step()
    encoder.eval()
    clip, labels = crossing_bars(200, encoder.window)
    with torch.no_grad():
        right = (last(encoder(clip).clip).argmax(1) == labels).float().mean().item()
    assert (right > 0.9) == fuses
    assert fuses or right < 0.65
