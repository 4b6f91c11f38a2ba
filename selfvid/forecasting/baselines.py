"""The baselines of `selfvid forecast`: guesses without a network, which a forecast has to beat.

A guess sees the same frames as the prediction. In a free run these are the frames at the beginning
of the clip. If each prediction sees all true frames before it, so does the guess.
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

# Shares of the mean frame that a guess may be softened with; finer where little is needed.
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
_BLACK = 0.02  # a value below it counts as black: five grey levels, for the noise of compression

MEANINGS = {
    REPEAT: "the last frame that the prediction sees, repeated",
    MEAN: "the mean of the frames that predictions see in training sequences, the same for all",
    VELOCITY: (
        "the motion between the last two frames that the prediction sees, continued unchanged; it "
        "is found by dense block matching (all displacements up to a tenth of the shorter side of "
        f"the frame, squared difference in windows of {WINDOW} pixels)"
    ),
}

Guess = Callable[[Tensor, int], Tensor]


def repeat_last(seen: Tensor, steps: int) -> Tensor:
    """Return the last of the frames (N, T, ...) repeated, (N, steps, ...)."""
    return seen[:, -1:].expand(-1, steps, *seen.shape[2:])


def constant_velocity(seen: Tensor, steps: int, *, on_black: bool = True) -> Tensor:
    """Return the last frame with everything moving on as it moved last.

    The guess uses the frames alone: it does not know about walls or about how digits are made. If
    there is only one frame, there is no motion and the frame is repeated.

    Args:
        seen: the frames so far, (N, T, C, H, W).
        steps: number of frames to guess.
        on_black: whether a pixel that nothing moves to becomes black; otherwise it keeps its value.

    Returns:
        (N, steps, C, H, W).
    """
    if seen.shape[1] < 2:
        return repeat_last(seen, steps)
    last, motion = seen[:, -1], _last_motion(seen)
    ahead = [moved(last, step * motion, on_black=on_black) for step in range(1, steps + 1)]
    return torch.stack(ahead, 1)  # (N, steps, C, H, W)


def constant_flow(seen: Tensor, steps: int) -> Tensor:
    """Return the backward flow of `constant_velocity`, in pixels, (N, steps, 2, H, W)."""
    last = seen[:, -1]
    if seen.shape[1] < 2:
        return last.new_zeros(len(seen), steps, 2, *last.shape[-2:])
    motion = _last_motion(seen)
    flow = -motion.to(last.dtype)
    ahead = [moved(flow, step * motion, on_black=True) for step in range(1, steps + 1)]
    return torch.stack(ahead, 1)  # (N, steps, 2, H, W)


def guessed(forecast: Forecast, guess: Guess) -> Tensor:
    """Apply `guess` to the frames that each prediction sees, (N, F, ...)."""
    steps = forecast.predicted.shape[1]
    if forecast.free:
        return guess(forecast.shown, steps)
    frames = forecast.frames
    ahead = range(frames.shape[1] - steps, frames.shape[1])
    return torch.cat([guess(frames[:, :time], 1) for time in ahead], 1)


def softened(guess: Tensor, mean: Tensor, share: Tensor) -> Tensor:
    """Return (1 - share) x guess + share x mean, with a share for each step.

    Args:
        guess: (N, F, ...).
        mean: the mean frame, (...).
        share: (F,).
    """
    part = share.view(-1, *[1] * (guess.ndim - 2))  # (F, 1, ...)
    return torch.lerp(guess, mean.expand_as(guess), part)


@dataclass(frozen=True, eq=False)
class Baselines:
    """The baselines, fitted to training sequences.

    Attributes:
        mean: the mean frame, (...).
        on_black: whether most pixels of the training frames are black.
        frames: number of frames that the mean is computed from.
        shares: for each guess, the share of the mean frame that softens it at each step, (F,);
            empty unless the loss is cross-entropy.
    """

    mean: Tensor
    on_black: bool
    frames: int
    shares: Mapping[str, Tensor] = field(default_factory=dict)

    def guesses(self, forecast: Forecast) -> dict[str, Tensor]:
        """Return the frames (N, F, ...) of each baseline, not softened, for squared error.

        Only pictures that are predicted forwards have a baseline of constant velocity.
        """
        guesses = {
            REPEAT: guessed(forecast, repeat_last),
            MEAN: self.mean.expand_as(forecast.predicted),
        }
        if forecast.frames.ndim == 5 and not forecast.backwards:
            move_on = partial(constant_velocity, on_black=self.on_black)
            guesses[VELOCITY] = guessed(forecast, move_on)
        return guesses

    def soft(self, guesses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return guesses as probabilities: softened, so that no pixel has an infinite cost."""
        mean = self.soft_mean
        return {
            name: softened(guess, mean, self.shares[name])
            if name in self.shares
            else mean.expand_as(guess)
            for name, guess in guesses.items()
        }

    @property
    def soft_mean(self) -> Tensor:
        """The mean frame, with every pixel at least 1 / (2 x frames) away from 0 and from 1."""
        least = 1 / (2 * self.frames)
        return self.mean.clamp(least, 1 - least)


def fit_baselines(training: Callable[[], Iterable[Forecast]], loss: FrameLoss) -> Baselines:
    """Fit the baselines to training sequences: compute the mean frame and the shares.

    Args:
        training: returns forecasts of training sequences, the same ones at each call; their
            predictions are not used.
        loss: the loss that the baselines will be measured by.
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
                cost = _costs(guess, forecast.truth, baselines.soft_mean)
                costs[name] = costs.get(name, torch.zeros_like(cost)) + cost
    grid = baselines.mean.new_tensor(SHARES)
    shares = {name: grid[cost.argmin(0)] for name, cost in costs.items()}  # each (F,)
    return Baselines(baselines.mean, baselines.on_black, frames, shares)


def _last_motion(seen: Tensor) -> Tensor:
    """Return the motion between the last two of the frames (N, T, C, H, W), (N, 2, H, W)."""
    reach = max(1, min(seen.shape[-2:]) // 10)
    return block_motion(seen[:, -2], seen[:, -1], reach=reach)


def _costs(guess: Tensor, truth: Tensor, mean: Tensor) -> Tensor:
    """Return the summed cross-entropy of a guess that is softened with each of `SHARES`.

    Args:
        guess: (N, F, ...).
        truth: (N, F, ...).
        mean: the mean frame, (...).

    Returns:
        (len(SHARES), F).
    """
    costs = []
    for share in SHARES:
        soft = softened(guess, mean, mean.new_full(guess.shape[1:2], share))
        costs.append(loss_of(soft, truth, "cross_entropy").sum(0))
    return torch.stack(costs)
