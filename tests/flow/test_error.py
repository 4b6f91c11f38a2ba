"""End-point error, by hand."""

import pytest
import torch

from selfvid.errors import InputError
from selfvid.flow import end_point_error


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


def test_what_cannot_be_compared_is_said_in_one_line() -> None:
    flow = torch.zeros(1, 2, 4, 4)
    with pytest.raises(InputError, match=r"flow is \(1, 2, 4, 4\), the truth \(1, 2, 4, 5\)"):
        end_point_error(flow, torch.zeros(1, 2, 4, 5))
    with pytest.raises(InputError, match=r"where has 0 pixels in \(1, 4, 4\); expected at least"):
        end_point_error(flow, flow, where=torch.zeros(1, 4, 4, dtype=torch.bool))
