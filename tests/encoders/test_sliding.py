from pathlib import Path

import pytest
import torch
from torch import Tensor

from selfvid.backbones.karpathy import SlowFusion
from selfvid.backbones.small import SmallNet
from selfvid.encoders import sliding
from selfvid.encoders.base import Encoder, load_encoder
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.errors import InputError


def slow() -> Encoder:
    torch.manual_seed(0)
    return ClipEncoder(SlowFusion("small", channels=1)).eval()


def frame() -> Encoder:
    torch.manual_seed(0)
    return FrameEncoder(SmallNet(channels=1, stages=(8, 16))).eval()


def clips(batch: int, frames: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (batch, frames, 3, 32, 32)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize(("encoder", "window"), [(slow(), 10), (frame(), 4)])
@pytest.mark.parametrize("stride", [1, 3, 20])
def test_steps_are_the_clip_vectors_of_windows(
    encoder: Encoder, window: int, stride: int, gradients: bool
) -> None:
    along = SlidingEncoder(encoder, stride=stride, window=window, maps=True).eval()
    whole = clips(2, 23)
    with torch.set_grad_enabled(gradients):
        features = along(whole)
    starts = range(0, 23 - window + 1, stride)
    with torch.no_grad():
        alone = [encoder(whole[:, first : first + window]) for first in starts]
    steps = torch.stack([each.clip for each in alone], 1)
    torch.testing.assert_close(features.need_steps("test"), steps, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(features.clip, steps.mean(1), rtol=1e-4, atol=1e-5)
    for place, level in enumerate(features.need_maps("test")):
        by_hand = torch.stack([each.need_maps("test")[place].mean(1) for each in alone], 1)
        torch.testing.assert_close(level, by_hand, rtol=1e-4, atol=1e-4)
    assert (features.window, features.stride) == (window, stride)
    assert along.widths.maps == encoder.widths.maps


@torch.no_grad()
def test_few_windows_are_in_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = slow()
    whole = clips(3, 30)
    wanted = SlidingEncoder(encoder, stride=2).eval()(whole).clip
    seen: list[int] = []
    encoder.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    monkeypatch.setattr(sliding, "WINDOWS_PER_PASS", 4)
    found = SlidingEncoder(encoder, stride=2).eval()(whole).clip
    assert max(seen) == 4
    assert sum(seen) == 3 * 11
    torch.testing.assert_close(found, wanted)


def test_gradients_reach_the_network_through_every_window() -> None:
    along = SlidingEncoder(slow(), stride=5)
    along(clips(2, 20)).clip.square().sum().backward()
    for name, weight in along.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


@torch.no_grad()
def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    along = SlidingEncoder(slow(), stride=3).eval()
    along.save(tmp_path / "encoder")
    again = load_encoder(tmp_path / "encoder")
    assert (again.window, again.stride) == (10, 3)
    torch.testing.assert_close(again(clips(1, 16)).clip, along(clips(1, 16)).clip)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"stride": 0}, "stride is 0 and window 10"),
        ({"window": 12}, "window 12; expected at least 1, and the 10 frames that ClipEncoder"),
    ],
)
def test_windows_that_cannot_be_are_refused(arguments: dict[str, int], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        SlidingEncoder(slow(), **arguments)  # type: ignore[arg-type]


def test_clips_shorter_than_a_window_are_refused() -> None:
    along = SlidingEncoder(slow())
    with pytest.raises(InputError, match="windows have 10 frames, got a clip of 8"):
        along(clips(1, 8))
