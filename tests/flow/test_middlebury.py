"""Estimators on real frames with true flow."""

from pathlib import Path

import pytest
import torch

from selfvid.data.flow.middlebury import read_flo
from selfvid.flow import end_point_error
from selfvid.flow.estimate import DIS, Farneback, FlowEstimator
from tests.bench.flow_error import error_of, read_pair


@pytest.mark.parametrize(
    ("estimator", "most"),
    [(DIS(), 0.25), (DIS("fast"), 0.5), (DIS("ultrafast"), 0.6), (Farneback(), 0.35)],
    ids=["dis medium", "dis fast", "dis ultrafast", "farneback"],
)
def test_rubber_whale_is_told_to_a_fraction_of_a_pixel(
    shared_data: Path, estimator: FlowEstimator, most: float
) -> None:
    folder = shared_data / "flow_middlebury"
    truth = read_flo(folder / "flow10.flo")
    plain, stored = error_of(estimator, read_pair(folder), truth)
    still = float(end_point_error(torch.zeros_like(truth.flow), truth.flow, where=truth.known))
    assert plain < most < still / 2
    # 584 pixels wide: a step of 0.29, so that storing adds at most half of it along x and y.
    assert abs(stored - plain) < 0.5 * 0.288 * 2**0.5
