"""Warping fetches each pixel from where the flow says it came from."""

import math

import pytest
import torch
from torch import Tensor

from selfvid.errors import InputError
from selfvid.flow import carry_labels, resize_flow, warp
from selfvid.flow.warp import Padding, Sampling

RANDOM = torch.Generator().manual_seed(0)


def everywhere(x: float, y: float, *, like: Tensor) -> Tensor:
    return (
        torch.tensor([x, y], dtype=torch.float32)
        .view(1, 2, 1, 1)
        .expand(len(like), 2, *like.shape[-2:])
    )


def fetched_by_loop(features: Tensor, flow: Tensor, *, padding: Padding) -> Tensor:
    """Bilinear sampling, one pixel and one neighbour at a time."""
    batch, _, height, width = features.shape
    result = torch.zeros_like(features)
    for sample in range(batch):
        for row in range(height):
            for column in range(width):
                x = column + float(flow[sample, 0, row, column])
                y = row + float(flow[sample, 1, row, column])
                if padding == "border":
                    x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
                for j in (math.floor(y), math.floor(y) + 1):
                    for i in (math.floor(x), math.floor(x) + 1):
                        if 0 <= i < width and 0 <= j < height:
                            share = (1 - abs(x - i)) * (1 - abs(y - j))
                            result[sample, :, row, column] += share * features[sample, :, j, i]
    return result


@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_bilinear_warp_equals_a_loop_over_pixels(padding: Padding) -> None:
    features = torch.randn(2, 3, 5, 7, dtype=torch.float64, generator=RANDOM)
    flow = 3 * torch.randn(2, 2, 5, 7, dtype=torch.float64, generator=RANDOM)
    expected = fetched_by_loop(features, flow, padding=padding)
    torch.testing.assert_close(warp(features, flow, padding=padding), expected)


@pytest.mark.parametrize("sampling", ["bilinear", "nearest"])
@pytest.mark.parametrize("side", [8, 32, 64])
def test_whole_pixels_of_flow_shift_to_the_bit(sampling: Sampling, side: int) -> None:
    features = torch.rand(2, 3, side, side, generator=RANDOM)
    # What is 3 to the right and 2 above comes here: the picture moves left and down.
    moved = warp(features, everywhere(3, -2, like=features), sampling=sampling)
    expected = torch.zeros_like(features)
    expected[..., 2:, : side - 3] = features[..., : side - 2, 3:]
    assert torch.equal(moved, expected)


def test_on_sides_that_are_no_power_of_two_a_shift_is_one_up_to_rounding() -> None:
    features = torch.rand(1, 1, 45, 73, generator=RANDOM)
    moved = warp(features, everywhere(-5, 4, like=features))
    expected = torch.zeros_like(features)
    expected[..., :-4, 5:] = features[..., 4:, :-5]
    torch.testing.assert_close(moved, expected, atol=2e-5, rtol=0)


def test_no_flow_changes_nothing() -> None:
    features = torch.rand(2, 3, 16, 32, generator=RANDOM)
    assert torch.equal(warp(features, torch.zeros(2, 2, 16, 32)), features)


@pytest.mark.parametrize("sampling", ["bilinear", "nearest"])
def test_beyond_the_border_is_black_or_the_border(sampling: Sampling) -> None:
    features = torch.rand(1, 2, 8, 8, generator=RANDOM) + 1
    far = everywhere(100, 0, like=features)
    assert (warp(features, far, sampling=sampling) == 0).all()
    at_border = warp(features, far, sampling=sampling, padding="border")
    torch.testing.assert_close(at_border, features[..., -1:].expand_as(features))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.float16])
def test_nearest_keeps_values_and_their_dtype(dtype: torch.dtype) -> None:
    features = torch.tensor([[[[0, 7, 1]]]]).to(dtype)
    flow = torch.tensor([[[[0.4, -0.4, -0.6]], [[0.0, 0.2, -0.4]]]])
    fetched = warp(features, flow, sampling="nearest")
    assert fetched.dtype == dtype
    assert torch.equal(fetched, features[..., [0, 1, 1]])


def test_nearest_survives_flow_beyond_all_numbers() -> None:
    features = torch.ones(1, 1, 1, 4)
    flow = torch.zeros(1, 2, 1, 4)
    flow[0, 0, 0] = torch.tensor([math.nan, math.inf, -1e30, 0])
    assert warp(features, flow, sampling="nearest").flatten().tolist() == [0, 0, 0, 1]


def test_gradients_reach_features_and_flow() -> None:
    features = torch.randn(1, 2, 4, 5, dtype=torch.float64, generator=RANDOM).requires_grad_()
    # Clear of whole pixels, where the slope of a bilinear surface jumps.
    flow = torch.rand(1, 2, 4, 5, dtype=torch.float64, generator=RANDOM) * 0.8 + 0.1
    for padding in ("zeros", "border"):
        assert torch.autograd.gradcheck(
            lambda f, w, p=padding: warp(f, w, padding=p), (features, flow.requires_grad_())
        )


def test_half_precision_flow_still_lands_on_pixels() -> None:
    features = torch.rand(1, 1, 64, 64, generator=RANDOM).to(torch.bfloat16)
    flow = everywhere(5, 0, like=features).to(torch.bfloat16)
    moved = warp(features, flow)
    assert moved.dtype == torch.bfloat16
    assert torch.equal(moved[..., :-5], features[..., 5:])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_labels_are_carried_to_the_later_frame(dtype: torch.dtype) -> None:
    earlier = torch.tensor([[[1, 2, 3], [4, 5, 6]]], dtype=dtype)
    # Everything moved one pixel to the right, so it came from one pixel to the left.
    later = carry_labels(earlier, everywhere(-1, 0, like=earlier), outside=255)
    assert later.dtype == dtype
    assert later.tolist() == [[[255, 1, 2], [255, 4, 5]]]


def test_labels_must_be_whole_numbers() -> None:
    with pytest.raises(InputError, match=r"labels are torch.float32 \(1, 2, 3\); expected integ"):
        carry_labels(torch.zeros(1, 2, 3), torch.zeros(1, 2, 2, 3), outside=0)


@pytest.mark.parametrize("size", [(32, 24), (4, 12), (8, 6)])
def test_resized_flow_is_the_same_motion(size: tuple[int, int]) -> None:
    flow = everywhere(2, -3, like=torch.zeros(2, 1, 8, 6))
    resized = resize_flow(flow, size)
    expected = torch.tensor([2 * size[1] / 6, -3 * size[0] / 8]).view(1, 2, 1, 1)
    torch.testing.assert_close(resized, expected.expand(2, 2, *size))


def test_warping_and_enlarging_change_places() -> None:
    small = torch.rand(1, 1, 8, 8, generator=RANDOM)
    flow = everywhere(2, 1, like=small)
    enlarged = small.repeat_interleave(4, 2).repeat_interleave(4, 3)
    warped_first = warp(small, flow).repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert torch.equal(warp(enlarged, resize_flow(flow, (32, 32))), warped_first)


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    features = torch.zeros(1, 3, 4, 5)
    with pytest.raises(InputError, match=r"flow is torch.float32 \(1, 2, 5, 4\); expected floats"):
        warp(features, torch.zeros(1, 2, 5, 4))
    with pytest.raises(InputError, match=r"features are torch\.uint8; bilinear sampling expects"):
        warp(features.byte(), torch.zeros(1, 2, 4, 5))
    with pytest.raises(InputError, match="padding is 'reflection'; expected zeros or border"):
        warp(features, torch.zeros(1, 2, 4, 5), padding="reflection")  # type: ignore[arg-type]
