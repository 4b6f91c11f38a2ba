from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from selfvid.data.flow.middlebury import read_flo
from selfvid.errors import InputError
from selfvid.flow import end_point_error
from selfvid.flow.estimate import DIS, TVL1, Farneback, FlowEstimator, limited_threads
from selfvid.saving.recorded import build, describe
from tests.bench.flow_error import error_of, read_pair
from tests.flow.textures import drifting

ESTIMATORS = [DIS(), DIS("fast"), DIS("ultrafast"), Farneback()]


def _named(estimator: FlowEstimator) -> str:
    return f"{estimator.name}-{estimator.construction.get('preset', '')}"


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=_named)
def test_motion_is_told_in_pixels_x_before_y(estimator: FlowEstimator) -> None:
    frames = drifting(4, x=3, y=-2)
    flow = estimator(frames)
    assert flow.dtype == torch.float32
    assert flow.shape == (3, 2, 64, 80)
    inner = flow[..., 12:-12, 12:-12].flatten(2)
    assert inner.median(dim=2).values == pytest.approx(np.array([[3, -2]] * 3), abs=0.2)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=_named)
def test_backward_flow_leads_back(estimator: FlowEstimator) -> None:
    frames = drifting(3, x=2, y=1)
    flow = estimator(frames, direction="backward")
    inner = flow[..., 12:-12, 12:-12].flatten(2)
    assert inner.median(dim=2).values == pytest.approx(np.array([[-2, -1]] * 2), abs=0.2)
    pair = estimator(frames[[2, 1]])
    assert (flow[1] == pair[0]).all()


def test_dis_is_opencvs_on_grey_frames() -> None:
    frames = drifting(2, x=1, y=2, height=112, width=112)
    grey = [cv2.cvtColor(f.permute(1, 2, 0).numpy().copy(), cv2.COLOR_RGB2GRAY) for f in frames]
    search: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    expected = search.calc(grey[0], grey[1], None)
    found = DIS("fast")(frames)[0].permute(1, 2, 0).numpy()
    assert np.array_equal(found, expected)


def test_flow_does_not_depend_on_what_was_estimated_before() -> None:
    narrow, wide = drifting(2, x=1, y=1), drifting(2, x=2, y=0, width=110)
    for preset in ("ultrafast", "fast", "medium"):
        estimator = DIS(preset)
        first = estimator(narrow)
        assert (estimator(narrow) == first).all()
        estimator(wide)
        assert (estimator(narrow) == first).all()


def test_a_pair_alone_gives_what_it_gives_in_a_run() -> None:
    frames = drifting(5, x=2, y=0)
    for estimator in ESTIMATORS:
        assert (estimator(frames)[2] == estimator(frames[2:4])[0]).all()


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=_named)
def test_an_estimator_is_made_again_from_its_description(estimator: FlowEstimator) -> None:
    again = build(describe(estimator))
    assert again.settings == estimator.settings
    frames = drifting(2, x=1, y=1)
    assert (again(frames) == estimator(frames)).all()


def test_settings_tell_estimators_apart() -> None:
    assert DIS().settings == {"preset": "medium"}
    assert Farneback(window=21).settings != Farneback().settings


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=_named)
def test_the_smallest_frames_are_taken(estimator: FlowEstimator) -> None:
    side = estimator.smallest
    assert torch.isfinite(estimator(drifting(2, x=1, y=0, height=side, width=side))).all()


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (torch.zeros(3, 3, 32, 32), r"frames are float32 \(3, 3, 32, 32\); expected uint8"),
        (torch.zeros(3, 1, 32, 32, dtype=torch.uint8), "expected uint8"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "flow needs at least two"),
        (torch.zeros(2, 3, 32, 12, dtype=torch.uint8), "32x12; expected at least 16 pixels"),
    ],
)
def test_frames_that_give_no_flow_are_named(frames: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        DIS()(frames)


def test_unknown_settings_are_named() -> None:
    with pytest.raises(InputError, match="preset is 'slow'; expected one of ultrafast"):
        DIS("slow")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="expected all to be positive"):
        Farneback(window=0)


@pytest.mark.skipif(hasattr(cv2, "optflow"), reason="this OpenCV has its extra modules")
def test_tvl1_says_which_package_it_needs() -> None:
    with pytest.raises(InputError, match="expected opencv-contrib-python-headless"):
        TVL1()


def test_tvl1_asks_the_extra_modules_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    class Solver:
        def calc(self, earlier: Any, later: Any, flow: None) -> Any:
            assert flow is None
            return np.dstack((later, earlier)).astype(np.float32)

    class Extra:
        DualTVL1OpticalFlow_create = Solver

    monkeypatch.setattr(cv2, "optflow", Extra, raising=False)
    frames = torch.stack([torch.full((3, 16, 16), level, dtype=torch.uint8) for level in (7, 9)])
    assert TVL1()(frames)[0, :, 0, 0].tolist() == [9, 7]


def test_threads_are_limited_and_given_back() -> None:
    before = cv2.getNumThreads(), torch.get_num_threads()
    with limited_threads(1):
        assert (cv2.getNumThreads(), torch.get_num_threads()) == (1, 1)
    assert (cv2.getNumThreads(), torch.get_num_threads()) == before


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
