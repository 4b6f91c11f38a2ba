"""Losses against loops over pixels, and the end-point error by hand."""

import pytest
import torch
from torch import Tensor

from selfvid.errors import InputError
from selfvid.flow import end_point_error, flow_roughness, image_gradient_loss

RANDOM = torch.Generator().manual_seed(0)


def huber(length: float, delta: float) -> float:
    return length**2 / 2 if length <= delta else delta * (length - delta / 2)


def roughness_by_loop(flow: Tensor, delta: float) -> float:
    height, width = flow.shape[-2:]
    total = 0.0
    for component in flow.flatten(0, 1).tolist():
        for y in range(height):
            for x in range(width):
                right, left = component[y][min(x + 1, width - 1)], component[y][max(x - 1, 0)]
                below, above = component[min(y + 1, height - 1)][x], component[max(y - 1, 0)][x]
                length = (((right - left) / 2) ** 2 + ((below - above) / 2) ** 2) ** 0.5
                total += huber(length, delta)
    return total / flow.numel()


@pytest.mark.parametrize("delta", [1e-3, 0.7, 50.0])
def test_roughness_equals_a_loop_over_pixels(delta: float) -> None:
    flow = torch.randn(2, 2, 5, 6, dtype=torch.float64, generator=RANDOM)
    assert flow_roughness(flow, delta=delta).item() == pytest.approx(roughness_by_loop(flow, delta))


def test_moving_as_a_whole_costs_nothing_and_its_gradient_is_finite() -> None:
    flow = torch.full((1, 2, 4, 4), 3.0, requires_grad=True)
    cost = flow_roughness(flow)
    cost.backward()
    assert cost.item() == 0
    assert flow.grad is not None
    assert (flow.grad == 0).all()


def test_gradient_of_roughness_is_right_on_both_sides_of_delta() -> None:
    flow = torch.randn(1, 2, 4, 5, dtype=torch.float64, generator=RANDOM).requires_grad_()
    for delta in (1e-3, 100.0):
        assert torch.autograd.gradcheck(lambda f, d=delta: flow_roughness(f, delta=d), flow)


def test_a_jump_costs_in_proportion_and_a_slope_by_its_square() -> None:
    jump = torch.zeros(1, 2, 8, 8)
    jump[..., 4:] = 1
    steep = flow_roughness(2 * jump, delta=1e-4) / flow_roughness(jump, delta=1e-4)
    gentle = flow_roughness(2 * jump, delta=10) / flow_roughness(jump, delta=10)
    assert steep.item() == pytest.approx(2, rel=1e-3)
    assert gentle.item() == pytest.approx(4)


def test_roughness_of_half_precision_flow_is_computed_in_single() -> None:
    flow = torch.randn(1, 2, 8, 8, generator=RANDOM).to(torch.bfloat16)
    assert flow_roughness(flow).dtype == torch.float32
    assert torch.equal(flow_roughness(flow), flow_roughness(flow.float()))


def test_image_gradient_loss_equals_a_loop_over_pixels() -> None:
    predicted, target = torch.randn(2, 2, 1, 4, 6, dtype=torch.float64, generator=RANDOM)

    def gradients(image: list[list[float]]) -> list[float]:
        def at(y: int, x: int) -> float:
            return image[y][x] if 0 <= y < 4 and 0 <= x < 6 else 0.0

        pixels = [(y, x) for y in range(4) for x in range(6)]
        across = [at(y, x + 1) - at(y, x - 1) for y, x in pixels]
        return across + [at(y + 1, x) - at(y - 1, x) for y, x in pixels]

    errors = [
        (ours - true) ** 2
        for guess, truth in zip(predicted[:, 0].tolist(), target[:, 0].tolist(), strict=True)
        for ours, true in zip(gradients(guess), gradients(truth), strict=True)
    ]
    expected = sum(errors) / len(errors)
    assert image_gradient_loss(predicted, target).item() == pytest.approx(expected)


def test_image_gradients_feel_a_change_of_brightness_only_at_the_border() -> None:
    image = torch.rand(1, 1, 10, 10, generator=RANDOM)
    # Two borders of 10 pixels in each direction, out of 100.
    expected = 0.2 * 0.5**2
    assert image_gradient_loss(image + 0.5, image).item() == pytest.approx(expected, rel=1e-5)


def test_what_cannot_be_compared_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match=r"predicted is \(1, 4, 4\); expected \(1, 4, 5\)"):
        image_gradient_loss(torch.zeros(1, 4, 4), torch.zeros(1, 4, 5))
    with pytest.raises(InputError, match="delta is 0; expected more than 0"):
        flow_roughness(torch.zeros(1, 2, 4, 4), delta=0)


def test_error_is_the_mean_distance_of_the_ends() -> None:
    truth = torch.zeros(1, 2, 1, 2)
    flow = torch.tensor([[[[3.0, 0.0]], [[4.0, -1.0]]]])  # (3, 4) and (0, -1)
    assert end_point_error(flow, truth).item() == (5 + 1) / 2


def test_only_marked_pixels_count() -> None:
    truth = torch.zeros(2, 2, 1, 2)
    flow = torch.tensor([[[[3.0, 0.0]], [[4.0, -1.0]]]]).repeat(2, 1, 1, 1)
    where = torch.tensor([[[True, False]], [[True, True]]])
    assert end_point_error(flow, truth, where=where).item() == pytest.approx((5 + 5 + 1) / 3)


def test_the_baseline_is_the_length_of_the_truth() -> None:
    truth = torch.randn(3, 4, 2, 5, 6, generator=torch.Generator().manual_seed(0))
    baseline = end_point_error(torch.zeros_like(truth), truth)
    torch.testing.assert_close(baseline, torch.hypot(truth[:, :, 0], truth[:, :, 1]).mean())


def test_flow_that_cannot_be_compared_with_the_truth_is_refused() -> None:
    flow = torch.zeros(1, 2, 4, 4)
    with pytest.raises(InputError, match=r"flow is \(1, 2, 4, 4\), the truth \(1, 2, 4, 5\)"):
        end_point_error(flow, torch.zeros(1, 2, 4, 5))
    with pytest.raises(InputError, match=r"where has 0 pixels in \(1, 4, 4\); expected at least"):
        end_point_error(flow, flow, where=torch.zeros(1, 4, 4, dtype=torch.bool))
