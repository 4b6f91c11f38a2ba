from __future__ import annotations

import pytest
import torch

from selfvid.errors import InputError
from selfvid.flow.quantise import default_bound, dequantise, flow_step, quantise


@pytest.mark.parametrize("bound", [0.7, 7.0, 20.0])
def test_within_the_bound_the_error_is_at_most_half_a_step(bound: float) -> None:
    flow = torch.linspace(-bound, bound, 10_001)
    codes, clipped = quantise(flow, bound=bound)
    error = (dequantise(codes, bound=bound) - flow).abs().max()
    assert clipped == 0
    assert error <= bound / 127 / 2 * (1 + 1e-4)
    assert error > bound / 127 / 2 * 0.99


def test_what_lies_beyond_is_clipped_and_counted() -> None:
    flow = torch.tensor([-9.0, -7.0, 0.0, 3.0, 7.0, 7.01, 400.0, -400.0])
    codes, clipped = quantise(flow, bound=7)
    assert clipped == 4 / 8
    assert codes.tolist()[0] == codes.tolist()[1] == 1
    assert codes.tolist()[2] == 128
    assert codes.tolist()[4:] == [255, 255, 255, 1]
    back = dequantise(codes, bound=7)
    assert back[[0, 5]].tolist() == pytest.approx([-7, 7])


def test_standing_still_is_kept_exactly() -> None:
    codes, _ = quantise(torch.zeros(3, 2, 4, 5), bound=7)
    assert (dequantise(codes, bound=7) == 0).all()


def test_every_code_comes_back_as_itself() -> None:
    codes = torch.arange(1, 256, dtype=torch.uint8)
    again, _ = quantise(dequantise(codes, bound=3.3), bound=3.3)
    assert (again == codes).all()


def test_the_default_bound_grows_with_the_picture() -> None:
    assert default_bound(240, 320) == 20
    assert default_bound(112, 112) == 7


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_flow_that_is_no_number_is_refused(value: float) -> None:
    flow = torch.zeros(50)
    flow[17] = value
    with pytest.raises(InputError, match="flow is not finite"):
        quantise(flow, bound=7)


@pytest.mark.parametrize("bound", [0.0, -1.0, float("nan"), float("inf")])
def test_a_bound_that_is_none_is_refused(bound: float) -> None:
    with pytest.raises(InputError, match=f"bound is {bound} pixels; expected more than 0"):
        flow_step(bound)
