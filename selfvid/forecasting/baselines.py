"""What a forecast must beat: guesses that need no network.

Each is a function of the frames that it may see. In a free run those are the frames that were
shown; where each prediction has seen all true frames before it, so has the guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from selfvid.forecasting.block_motion import WINDOW, block_motion, moved
from selfvid.objectives.frame_loss import FrameLoss, loss_of
from selfvid.objectives.predictive import Forecast

REPEAT = "repeat the last frame"
MEAN = "mean frame"
VELOCITY = "constant velocity"

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
"""How much of the mean frame a guess may be softened with."""

_BLACK = 0.02

MEANINGS = {
    REPEAT: "the last frame that may be seen, again and again",
    MEAN: "mean of the frames that may be seen in training sequences, the same for all",
    VELOCITY: (
        "motion between the last two frames that may be seen, by dense block matching (all "
        "displacements up to a tenth of the shorter side of the frame, squared difference in "
        f"windows of {WINDOW} pixels), carried on unchanged"
    ),
}

Guess = Callable[[Tensor, int], Tensor]


def repeat_last(seen: Tensor, steps: int) -> Tensor:
    """The last of the frames (N, T, ...), (N, steps, ...)."""
    return seen[:, -1:].expand(-1, steps, *seen.shape[2:])


def constant_velocity(seen: Tensor, steps: int, *, on_black: bool = True) -> Tensor:
    """The last of the frames (N, T, C, H, W) with everything moving on as it last moved.

    Nothing is known of walls or of how the frames were made. One frame alone has no motion and
    is repeated.

    Args:
        seen: the frames so far.
        steps: how many to guess.
        on_black: whether what is uncovered is black; else it stays as it was.

    Returns:
        (N, steps, C, H, W).
    """
    if seen.shape[1] < 2:
        return repeat_last(seen, steps)
    last, motion = seen[:, -1], _last_motion(seen)
    ahead = [moved(last, step * motion, on_black=on_black) for step in range(1, steps + 1)]
    return torch.stack(ahead, 1)


def constant_flow(seen: Tensor, steps: int) -> Tensor:
    """The backward flow that goes with `constant_velocity`, in pixels, (N, steps, 2, H, W)."""
    last = seen[:, -1]
    if seen.shape[1] < 2:
        return last.new_zeros(len(seen), steps, 2, *last.shape[-2:])
    motion = _last_motion(seen)
    flow = -motion.to(last.dtype)
    ahead = [moved(flow, step * motion, on_black=True) for step in range(1, steps + 1)]
    return torch.stack(ahead, 1)


def _last_motion(seen: Tensor) -> Tensor:
    """Motion between the last two of the frames (N, T, C, H, W), (N, 2, H, W)."""
    reach = max(1, min(seen.shape[-2:]) // 10)
    return block_motion(seen[:, -2], seen[:, -1], reach=reach)


def guessed(forecast: Forecast, guess: Guess) -> Tensor:
    """What `guess` says in place of the predictions, from no more than they have seen."""
    steps = forecast.predicted.shape[1]
    if forecast.free:
        return guess(forecast.shown, steps)
    frames = forecast.frames
    ahead = range(frames.shape[1] - steps, frames.shape[1])
    return torch.cat([guess(frames[:, :time], 1) for time in ahead], 1)


def softened(guess: Tensor, mean: Tensor, share: Tensor) -> Tensor:
    """`guess` (N, F, ...) with a share (F,) of the mean frame mixed in at each step."""
    part = share.view(-1, *[1] * (guess.ndim - 2))
    return torch.lerp(guess, mean.expand_as(guess), part)


@dataclass(frozen=True, eq=False)
class Baselines:
    """The guesses, with what they know of the training sequences.

    Attributes:
        mean: the mean frame, (...).
        on_black: whether most of what is seen is black.
        frames: how many frames the mean is of.
        shares: how much each guess is softened at each step for cross-entropy, (F,); none where
            that is not the loss.
    """

    mean: Tensor
    on_black: bool
    frames: int
    shares: Mapping[str, Tensor] = field(default_factory=dict)

    def guesses(self, forecast: Forecast) -> dict[str, Tensor]:
        """Each baseline's frames (N, F, ...) as they are, for squared error."""
        found = {
            REPEAT: guessed(forecast, repeat_last),
            MEAN: self.mean.expand_as(forecast.predicted),
        }
        if forecast.frames.ndim == 5 and not forecast.backwards:
            move_on = partial(constant_velocity, on_black=self.on_black)
            found[VELOCITY] = guessed(forecast, move_on)
        return found

    def soft(self, guesses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same as probabilities, softened so that no pixel costs without end."""
        mean = self.soft_mean
        return {
            name: softened(guess, mean, self.shares[name])
            if name in self.shares
            else mean.expand_as(guess)
            for name, guess in guesses.items()
        }

    @property
    def soft_mean(self) -> Tensor:
        """The mean frame, no pixel surer than so many frames can make it."""
        least = 1 / (2 * self.frames)
        return self.mean.clamp(least, 1 - least)


def fit_baselines(training: Callable[[], Iterable[Forecast]], loss: FrameLoss) -> Baselines:
    """What the baselines take from training sequences: the mean frame, and how to soften.

    Args:
        training: gives forecasts of training sequences, the same ones at each call; their
            predictions are not looked at.
        loss: that the baselines will be measured by.
    """
    total, frames, dark, values = torch.zeros(()), 0, 0.0, 0
    for forecast in training():
        seen = (forecast.shown if forecast.free else forecast.frames[:, :-1]).flatten(0, 1)
        total = total.to(seen.device) + seen.sum(0)
        frames += len(seen)
        dark += float((seen.abs() < _BLACK).sum())
        values += seen.numel()
    baselines = Baselines(total / frames, on_black=dark > values / 2, frames=frames)
    if loss != "cross_entropy":
        return baselines
    costs: dict[str, Tensor] = {}
    for forecast in training():
        for name, guess in baselines.guesses(forecast).items():
            if name != MEAN:
                found = _costs(guess, forecast.truth, baselines.soft_mean)
                costs[name] = costs.get(name, torch.zeros_like(found)) + found
    grid = baselines.mean.new_tensor(SHARES)
    shares = {name: grid[cost.argmin(0)] for name, cost in costs.items()}
    return Baselines(baselines.mean, baselines.on_black, frames, shares)


def _costs(guess: Tensor, truth: Tensor, mean: Tensor) -> Tensor:
    """Summed cross-entropy (len(SHARES), F) of guesses (N, F, ...) softened with each share."""
    costs = []
    for share in SHARES:
        soft = softened(guess, mean, mean.new_full(guess.shape[1:2], share))
        costs.append(loss_of(soft, truth, "cross_entropy").sum(0))
    return torch.stack(costs)
