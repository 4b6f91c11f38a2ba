"""How far forecasts and baselines are from the truth, by sequence and over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from selfvid.data.digits.true_flow import DigitFlow
from selfvid.flow import end_point_error
from selfvid.forecasting.baselines import VELOCITY, Baselines, constant_flow, guessed
from selfvid.objectives.frame_loss import UNITS, FrameLoss, loss_of
from selfvid.objectives.predictive import Forecast
from selfvid.statistics.intervals import GroupDraws, Interval

PREDICTION = "prediction"
ZERO = "zero flow"

Floats = NDArray[np.float64]
Errors = dict[str, dict[str, Tensor]]
"""Errors (N, F), by unit and then by who made the guess."""


@dataclass(frozen=True)
class Row:
    """One guesser's errors.

    Attributes:
        name: the prediction, or a baseline.
        error: mean over predicted frames and sequences.
        steps: the same for each predicted frame.
        difference: the prediction's error less this one's, paired; None for the prediction.
    """

    name: str
    error: Interval
    steps: tuple[Interval, ...]
    difference: Interval | None


@dataclass(frozen=True)
class Measure:
    """All guessers in one unit; the prediction is the first.

    Attributes:
        unit: what the errors are in, summed over the pixels of a frame.
        rows: one for each guesser.
    """

    unit: str
    rows: tuple[Row, ...]

    @property
    def prediction(self) -> Row:
        """The row of the prediction."""
        return self.rows[0]

    @property
    def best_baseline(self) -> Row:
        """The baseline with the least error on these very sequences."""
        return min(self.rows[1:], key=lambda row: row.error.mean)


@dataclass(frozen=True)
class FlowRow:
    """End-point errors of one flow on the pixels of digits.

    Attributes:
        name: whose flow.
        error: pixels, mean over each sequence's digit pixels, then over sequences.
        share: that error as a share of zero flow's; None for zero flow.
    """

    name: str
    error: Interval
    share: Interval | None


def errors_of(forecast: Forecast, baselines: Baselines, loss: FrameLoss) -> Errors:
    """Errors of the prediction and of each baseline, in the objective's unit.

    Under cross-entropy the baselines are softened. Frames that are probabilities and pictures are
    measured by squared error too, and there baselines are as they are.
    """
    truth = forecast.truth
    guesses = baselines.guesses(forecast)
    soft = baselines.soft(guesses) if loss == "cross_entropy" else guesses
    found = {UNITS[loss]: _losses({PREDICTION: forecast.predicted, **soft}, truth, loss)}
    if loss == "cross_entropy" and truth.ndim == 5:
        hard = {PREDICTION: forecast.predicted, **guesses}
        found[UNITS["squared_error"]] = _losses(hard, truth, "squared_error")
    return found


def flow_errors_of(forecast: Forecast, truth: DigitFlow) -> dict[str, Tensor]:
    """End-point errors (N,) on the pixels of digits; NaN where no pixel's motion is known.

    Predicted and true flow both tell where a predicted frame's pixel was in the frame before.
    """
    assert forecast.flow is not None
    flow, steps = forecast.flow.float(), forecast.flow.shape[1]
    true, known = truth.flow[:, -steps:].to(flow), truth.known[:, -steps:].to(flow.device)
    flows = {
        PREDICTION: flow,
        ZERO: torch.zeros_like(flow),
        VELOCITY: guessed(forecast, constant_flow),
    }
    return {
        name: torch.stack(
            [
                end_point_error(mine, its, where=where) if where.any() else mine.new_tensor(np.nan)
                for mine, its, where in zip(guess, true, known, strict=True)
            ]
        )
        for name, guess in flows.items()
    }


def measure(batches: Sequence[Errors], draws: GroupDraws) -> tuple[Measure, ...]:
    """The errors of all sequences as figures with intervals."""
    return tuple(
        Measure(
            unit,
            _rows(
                {name: _joined([batch[unit][name] for batch in batches]) for name in names}, draws
            ),
        )
        for unit, names in batches[0].items()
    )


def measure_flow(
    batches: Sequence[Mapping[str, Tensor]], groups: Sequence[str], *, seed: int
) -> tuple[FlowRow, ...]:
    """End-point errors of all sequences as figures; those without a known pixel are left out."""
    found = {name: _joined([batch[name] for batch in batches]) for name in batches[0]}
    known = np.isfinite(found[ZERO])
    draws = GroupDraws.of(np.asarray(groups)[known], seed=seed)
    zero = found[ZERO][known]
    return tuple(
        FlowRow(
            name,
            draws.mean(errors[known]),
            None if name == ZERO else draws.ratio(errors[known], zero),
        )
        for name, errors in found.items()
    )


def _losses(guesses: Mapping[str, Tensor], truth: Tensor, loss: FrameLoss) -> dict[str, Tensor]:
    return {name: loss_of(guess, truth, loss) for name, guess in guesses.items()}


def _rows(errors: Mapping[str, Floats], draws: GroupDraws) -> tuple[Row, ...]:
    own = errors[PREDICTION].mean(1)
    rows = []
    for name, each in errors.items():
        mean, *steps = draws.means(np.column_stack((each.mean(1), each)))
        against = None if name == PREDICTION else draws.mean(own - each.mean(1))
        rows.append(Row(name, mean, tuple(steps), against))
    return tuple(rows)


def _joined(parts: Sequence[Tensor]) -> Floats:
    return torch.cat([part.cpu() for part in parts]).double().numpy()
