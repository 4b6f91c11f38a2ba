from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from selfvid.backbones.karpathy import SlowFusion
from selfvid.backbones.small import SmallNet
from selfvid.data.digits.stream import DigitStream
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.flow_input import FlowFields
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput, PixelInput
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.pyramid import Pyramid
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.encoders.stack import Stack
from selfvid.encoders.vectors import FlatFrames
from selfvid.errors import InputError
from selfvid.objectives.temporal_pretext import TemporalPretext
from selfvid.objectives.time_changes import Reversed, Shuffled, Sorted, Sped, TimeChange
from selfvid.pretraining.command import pretrain
from selfvid.training.schedule import Training
from tests.pretraining.runs import forget_beyond, weights

SIDE = 16
CHANGES: list[TimeChange] = [Reversed(), Shuffled(3), Sorted(3), Sped((1, 2, 4))]


def windows() -> FrameEncoder:
    """Steps of three frames each, which see motion and its change."""
    stacks = Stack(PixelInput("grey"), length=3)
    return FrameEncoder(SmallNet(channels=3, stages=(8, 16), norm="none", grid=2), input=stacks)


def frames() -> FrameEncoder:
    return FrameEncoder(SmallNet(channels=1, stages=(8,), norm="none", grid=4))


def lstm() -> LSTMEncoder:
    return LSTMEncoder(FlatFrames((SIDE, SIDE), input=DifferenceInput("grey")), hidden=12)


def moving(clips: int, length: int, *, speed: int = 1) -> Tensor:
    """A bright bar that drifts to the right from a random place, (B, T, 3, H, W)."""
    generator = torch.Generator().manual_seed(clips)
    starts = torch.randint(0, SIDE, (clips,), generator=generator)
    places = starts[:, None] + speed * torch.arange(length)  # (B, T)
    apart = (torch.arange(SIDE) - places[..., None]) % SIDE  # (B, T, W)
    bar = torch.where(apart < 4, 230.0, 40.0)
    return bar[:, :, None, None].expand(clips, length, 3, SIDE, SIDE).contiguous()


def learn(objective: TemporalPretext, clip: Tensor, *, updates: int, rate: float = 0.01) -> float:
    """Train on one batch of clips; the accuracy afterwards."""
    optimiser = torch.optim.Adam(objective.parameters(), rate)
    for _ in range(updates):
        optimiser.zero_grad()
        objective(clip).total.backward()
        optimiser.step()
    return objective.eval()(clip).parts["accuracy"].item()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
def test_an_encoder_that_sees_motion_learns_the_task_and_nothing_from_still_clips(
    change: TimeChange,
) -> None:
    torch.manual_seed(0)
    objective = TemporalPretext(windows(), change, steps=1)
    clip = moving(24, objective.least_frames)
    still = clip[:, :1].expand_as(clip)
    chance = 1 / len(change.versions)
    assert learn(objective, still, updates=3) == pytest.approx(chance)
    assert learn(objective.train(), clip, updates=60) == 1
    assert objective(still).parts["accuracy"].item() == pytest.approx(chance)
    other = objective(moving(25, objective.least_frames)).parts["accuracy"].item()
    assert other > (1 + chance) / 2  # bars at other places


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
def test_the_loss_is_the_cross_entropy_of_each_version_by_itself(change: TimeChange) -> None:
    torch.manual_seed(0)
    objective = TemporalPretext(frames(), change, steps=3, hidden=5)
    first, _, second = objective.classifier.children()
    clip = moving(4, objective.least_frames) + 9 * torch.randn(4, objective.least_frames, 3, 16, 16)
    torch.manual_seed(1)
    losses = objective(clip)
    torch.manual_seed(1)
    numbers = change.frames(3, clips=4)
    costs, right = [], 0
    for number in range(4):
        for version, shown in enumerate(numbers[number if len(numbers) > 1 else 0].tolist()):
            vectors = [objective.encoder(clip[number, at][None, None]).clip[0] for at in shown]
            scores = second(first(torch.cat(vectors)).clamp_min(0))
            costs.append(scores.exp().sum().log() - scores[version])
            right += int(scores.argmax()) == version
    torch.testing.assert_close(losses.total, torch.stack(costs).mean())
    assert losses.parts["accuracy"].item() == pytest.approx(right / len(costs))


def test_single_frames_side_by_side_show_their_order_to_a_hidden_layer() -> None:
    torch.manual_seed(0)
    objective = TemporalPretext(frames(), Shuffled(3), steps=3, hidden=32)
    assert learn(objective, moving(16, 3, speed=3), updates=120) == 1


@pytest.mark.parametrize(
    ("encoder", "steps", "frames_shown"),
    [
        (windows, 4, 6),
        (lstm, 5, 6),
        (lambda: SlidingEncoder(windows(), stride=3), 2, 6),
    ],
    ids=["windows", "lstm", "sliding"],
)
def test_encoders_are_shown_the_frames_that_give_the_steps(
    encoder: Any, steps: int, frames_shown: int
) -> None:
    torch.manual_seed(0)
    objective = TemporalPretext(encoder(), Sped((1, 2)), steps=steps)
    assert objective.shown(99) == frames_shown
    assert objective.least_frames == 2 * (frames_shown - 1) + 1
    clip = moving(8, objective.least_frames)
    assert objective.versions(clip).shape == (8, 2, frames_shown, 3, SIDE, SIDE)
    assert learn(objective, clip, updates=40) == 1


def test_clips_are_judged_alike_in_any_order_of_the_batch() -> None:
    torch.manual_seed(0)
    objective = TemporalPretext(windows(), Sped((1, 2)), steps=2)
    clip = moving(5, objective.least_frames)
    scores = objective.scores(objective.versions(clip))
    turned = objective.scores(objective.versions(clip.flip(0)))
    torch.testing.assert_close(turned.flip(0), scores)


def test_of_longer_clips_the_middle_is_used() -> None:
    torch.manual_seed(0)
    objective = TemporalPretext(windows(), Sped((1, 2)), steps=1)
    clip = moving(3, 8)
    torch.testing.assert_close(objective(clip).total, objective(clip[:, 1:6]).total)


@pytest.mark.parametrize(
    ("change", "steps", "rows"),
    [(Reversed(), 2, 8), (Sorted(3), 1, 9), (Sorted(4), 2, 9)],
    ids=["two versions of four clips", "three of three", "nine of twelve of one clip"],
)
def test_versions_and_their_chances_are_drawn(change: TimeChange, steps: int, rows: int) -> None:
    objective = TemporalPretext(windows(), change, steps=steps).eval()
    picture = objective.preview(moving(5, 4))["versions"]
    assert picture.dtype == torch.uint8
    assert picture.shape[0] == 3
    assert 64 < picture.shape[1] / rows < 100  # a frame of 64 pixels below its caption


def flow_encoder() -> LSTMEncoder:
    return LSTMEncoder(Pyramid(FlowFields(), grids=(4,)), hidden=4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TemporalPretext(flow_encoder(), Reversed(), steps=2), "2 channels of flow"),
        (lambda: TemporalPretext(frames(), Reversed(), steps=0), "steps is 0; expected"),
        (lambda: TemporalPretext(frames(), Reversed(), steps=2, hidden=0), "hidden is 0; expected"),
        (lambda: TemporalPretext(frames(), Reversed(), steps=1), "see 2 frames or more together"),
        (lambda: TemporalPretext(windows(), Shuffled(3), steps=2), "cuts 4 frames into 3 pieces"),
        (
            lambda: TemporalPretext(windows(), Sped((1, 2)), steps=1)(moving(2, 4)),
            "clips have 4 frames; Sped expected at least 5, for versions of 1 steps",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_an_encoder_of_one_step_gives_no_more() -> None:
    encoder = ClipEncoder(SlowFusion("small", channels=1))
    assert TemporalPretext(encoder, Reversed(), steps=1).least_frames == 10
    with pytest.raises(InputError, match="steps is 2, and ClipEncoder gives one; expected 1"):
        TemporalPretext(encoder, Reversed(), steps=2)


def test_a_resumed_run_draws_the_same_orders(tmp_path: Path) -> None:
    def run(out: Path, **more: Any) -> Path:
        torch.manual_seed(0)
        objective = TemporalPretext(frames(), Shuffled(3), steps=3, hidden=8)
        data = DigitStream(frames=3, digits=1, canvas=32)
        plan = Training(steps=4, batch=4, warmup=0, checkpoint_every=2, preview_every=4)
        return pretrain(data, out, objective=objective, training=plan, precision="float32", **more)

    whole, cut = run(tmp_path / "whole"), run(tmp_path / "cut")
    forget_beyond(cut, 2)
    resumed = weights(run(cut, resume=True))
    assert all(torch.equal(resumed[name], weight) for name, weight in weights(whole).items())
