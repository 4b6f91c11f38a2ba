import math
from typing import Any

import pytest
import torch
from torch import Tensor

from selfvid.backbones.patches import PatchNet
from selfvid.encoders.conv_lstm import ConvLSTMEncoder
from selfvid.encoders.input import DifferenceInput
from selfvid.errors import InputError
from selfvid.objectives.frame_loss import (
    FrameLoss,
    activated,
    check_tiling,
    loss_of,
    loss_of_raw,
    tiling_stride,
    true_colours,
)

KINDS: list[FrameLoss] = ["cross_entropy", "squared_error"]


def encoder(**more: Any) -> ConvLSTMEncoder:
    return ConvLSTMEncoder(PatchNet(channels=1, patch=4), hidden=3, kernel=3, **more)


def raw_and_truth() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (2, 3, 1, 2, 2)
    return torch.randn(shape, generator=generator), torch.rand(shape, generator=generator)


def test_cross_entropy_is_that_of_a_loop_over_pixels() -> None:
    raw, truth = raw_and_truth()
    found = loss_of_raw(raw, truth, "cross_entropy")
    for clip in range(2):
        for frame in range(3):
            total = 0.0
            for x, q in zip(
                raw[clip, frame].flatten().tolist(),
                truth[clip, frame].flatten().tolist(),
                strict=True,
            ):
                p = 1 / (1 + math.exp(-x))
                total -= q * math.log(p) + (1 - q) * math.log(1 - p)
            assert found[clip, frame].item() == pytest.approx(total, rel=1e-5)


def test_squared_error_is_that_of_a_loop_over_pixels() -> None:
    raw, truth = raw_and_truth()
    found = loss_of_raw(raw, truth, "squared_error")
    for clip in range(2):
        for frame in range(3):
            pixels = zip(raw[clip, frame].flatten(), truth[clip, frame].flatten(), strict=True)
            by_hand = sum((float(x) - float(q)) ** 2 for x, q in pixels)
            assert found[clip, frame].item() == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("loss", KINDS)
def test_the_loss_before_the_activation_is_the_loss_after_it(loss: FrameLoss) -> None:
    raw, truth = raw_and_truth()
    after = loss_of(activated(raw, loss), truth, loss)
    torch.testing.assert_close(loss_of_raw(raw, truth, loss), after)


@pytest.mark.parametrize("loss", KINDS)
def test_predictions_and_losses_are_in_float32(loss: FrameLoss) -> None:
    raw, truth = raw_and_truth()
    short = raw.bfloat16()
    assert activated(short, loss).dtype == torch.float32
    assert loss_of_raw(short, truth, loss).dtype == torch.float32
    assert loss_of(activated(short, loss), truth.bfloat16(), loss).dtype == torch.float32


def test_a_sure_prediction_in_bfloat16_stays_below_one() -> None:
    sure = torch.tensor([9.0], dtype=torch.bfloat16)
    assert sure.sigmoid() == 1
    assert activated(sure, "cross_entropy") < 1


def test_true_colours_are_pixels_over_255_within_0_and_1() -> None:
    coded = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 1, 16, 16).expand(1, 1, 3, 16, 16)
    colours = true_colours(encoder(), coded)
    assert colours.shape == (1, 1, 1, 16, 16)
    torch.testing.assert_close(colours, coded[:, :, :1] / 255)
    beyond = coded.float() * 2 - 100  # as an augmentation may leave them
    torch.testing.assert_close(
        true_colours(encoder(), beyond), (beyond[:, :, :1] / 255).clamp(0, 1)
    )


def test_the_stride_of_the_memory_is_that_of_the_patches() -> None:
    assert tiling_stride(encoder(), "Test") == 4
    with pytest.raises(InputError, match=r"Test predicts frames and needs .* got DifferenceInput"):
        tiling_stride(encoder(input=DifferenceInput()), "Test")
    whole = encoder()
    whole.backbone.stride = None
    with pytest.raises(InputError, match=r"Test needs a backbone whose last map tiles .* PatchNet"):
        tiling_stride(whole, "Test")


def test_frames_must_be_whole_multiples_of_the_stride_both_ways() -> None:
    check_tiling(8, 12, stride=4)
    for height, width in ((9, 12), (8, 13)):
        with pytest.raises(InputError, match=f"frames are {height}×{width}; expected multiples"):
            check_tiling(height, width, stride=4)
