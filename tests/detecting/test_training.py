from __future__ import annotations

from typing import Any

import pytest
import torch

from selfvid.detecting.streams import ParallelStreams, WindowStream
from selfvid.detecting.training import DetectorTraining, check_training, reset_state
from selfvid.detecting.windows import Window
from selfvid.errors import InputError
from selfvid.heads.detection import ActivityDetector
from selfvid.training.schedule import Training
from selfvid.types import Widths


def test_the_state_is_kept_where_no_video_begins() -> None:
    assert reset_state(None, torch.tensor([True, False])) is None
    state = reset_state((torch.ones(2, 3), torch.full((2, 3), 2.0)), torch.tensor([True, False]))
    assert state is not None
    assert [part.tolist() for part in state] == [[[0] * 3, [1] * 3], [[0] * 3, [2] * 3]]


def test_a_state_from_a_checkpoint_follows_the_windows_to_their_device() -> None:
    state = reset_state((torch.ones(2, 3),), torch.tensor([True, False], device="meta"))
    assert state is not None
    assert state[0].device.type == "meta"


def windows(count: int) -> list[Window]:
    generator = torch.Generator().manual_seed(0)
    return [
        Window(
            vectors=torch.rand(2, 3, 4, generator=generator),
            labels=torch.tensor([[0, 1, 2], [2, 0, 1]]),
            lengths=torch.tensor([3, 3]),
            begins=torch.tensor([number == 0, False]),
            videos=("a", "b"),
        )
        for number in range(count)
    ]


def training_of(detector: ActivityDetector) -> DetectorTraining:
    plan = Training(steps=2, batch=2, warmup=0)
    stream = WindowStream([6, 6], ParallelStreams(window=3), streams=2, total=2, seed=0)
    return DetectorTraining(detector, training=plan, stream=stream, seed=0)


def small_detector() -> ActivityDetector:
    torch.manual_seed(0)
    return ActivityDetector(Widths(clip=4, steps=4), 2, hidden=5, dropout=0.0).eval()


def test_two_windows_give_the_state_of_the_whole_sequence() -> None:
    first, second = windows(2)
    module = training_of(small_detector())
    for window in (first, second):
        module.training_step(window, 0)
    whole = torch.cat((first.vectors, second.vectors), 1)  # (2, 6, 4)
    expected = small_detector().along(whole).state
    assert expected is not None
    assert module.state is not None
    for part, other in zip(module.state, expected, strict=True):
        torch.testing.assert_close(part, other)
        assert not part.requires_grad  # a step learns from its own window alone


def test_the_loss_of_a_step_is_that_of_the_detector() -> None:
    (window,) = windows(1)
    detector = small_detector()
    loss = training_of(detector).training_step(window, 0)
    torch.testing.assert_close(loss, detector.loss(detector.along(window.vectors), window.labels))


@pytest.mark.parametrize("key", ["streams", "lanes"])
def test_a_checkpoint_restores_the_state_also_one_of_version_0_1(key: str) -> None:
    module = training_of(small_detector())
    module.training_step(windows(1)[0], 0)
    saved: dict[str, Any] = {}
    module.on_save_checkpoint(saved)
    again = training_of(small_detector())
    again.on_load_checkpoint({key: saved["streams"]})
    assert again.state is not None
    assert module.state is not None
    assert all(map(torch.equal, again.state, module.state))


def test_several_devices_and_compiling_are_refused() -> None:
    check_training(Training(steps=1, warmup=0))
    with pytest.raises(InputError, match="devices is 2; detect trains with 1"):
        check_training(Training(steps=1, warmup=0, devices=2))
    with pytest.raises(InputError, match="compiled is True; detect trains with False"):
        check_training(Training(steps=1, warmup=0, compiled=True))
