from __future__ import annotations

import logging

import pytest
import torch

from selfvid.data.clips.faults import FaultCounter, FaultPolicy
from selfvid.errors import InputError
from selfvid.types import Clip, ClipBatch


def batch(clips: int, *faults: str) -> ClipBatch:
    blank = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    one = Clip(blank, torch.zeros(1, dtype=torch.float64), "video")
    return ClipBatch.of([one] * clips, faults)


def test_each_file_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    counter = FaultCounter(FaultPolicy())
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            counter.tally(batch(8, "a.mp4: damaged", "a.mp4: damaged"))
    assert [record.getMessage() for record in caplog.records] == [
        "clip replaced by another: a.mp4: damaged"
    ]
    assert (counter.clips, counter.failed) == (24, 6)


def test_the_run_stops_once_the_share_is_passed_and_not_before() -> None:
    counter = FaultCounter(FaultPolicy(share=0.25, least=2))
    counter.tally(batch(2, "a.mp4: damaged"))  # half, but of too few
    counter.tally(batch(6, "b.mp4: damaged"))  # 2 of 8 is the share itself
    expected = r"3 of 10 clips \(30.0%\) .* at most 25.0%; the first: a.mp4: damaged"
    with pytest.raises(InputError, match=expected):
        counter.tally(batch(2, "c.mp4: damaged"))


def test_a_restored_counter_goes_on_as_if_never_stopped() -> None:
    whole, first, second = (FaultCounter(FaultPolicy(0.5, least=3)) for _ in range(3))
    for counter in (whole, first):
        counter.tally(batch(4, "a.mp4: damaged"))
    second.load_state_dict(first.state_dict())
    for counter in (whole, second):
        counter.tally(batch(4, "b.mp4: damaged"))
    assert second.state_dict() == whole.state_dict()


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_nonsense_share_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="share of faults is"):
        FaultPolicy(share=share)
