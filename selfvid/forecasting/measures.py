"""Errors of forecasts and baselines: for each sequence, and for all with confidence intervals."""

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
"""Errors (N, F) by unit, then by name: the prediction or a baseline."""


@dataclass(frozen=True)
class Row:
    """The errors of the prediction or of a baseline.

    Attributes:
        name: the prediction, or a baseline.
        error: mean over predicted frames and sequences.
        steps: mean over sequences, for each predicted frame.
        difference: error of the prediction minus error of this row, paired; None for the
            prediction.
    """

    name: str
    error: Interval
    steps: tuple[Interval, ...]
    difference: Interval | None


@dataclass(frozen=True)
class Measure:
    """The errors of the prediction and of all baselines in one unit.

    Attributes:
        unit: unit of the errors, which are summed over the pixels of a frame.
        rows: the prediction, then the baselines.
    """

    unit: str
    rows: tuple[Row, ...]

    @property
    def prediction(self) -> Row:
        """The row of the prediction."""
        return self.rows[0]

    @property
    def best_baseline(self) -> Row:
        """The baseline with the smallest error on the test sequences."""
        return min(self.rows[1:], key=lambda row: row.error.mean)


@dataclass(frozen=True)
class FlowRow:
    """The end-point error of one flow, on the pixels of digits.

    Attributes:
        name: the prediction, or a baseline.
        error: in pixels; mean over the digit pixels of a sequence, then over sequences.
        share: that error divided by the error of zero flow; None for zero flow.
    """

    name: str
    error: Interval
    share: Interval | None


def errors_of(forecast: Forecast, baselines: Baselines, loss: FrameLoss) -> Errors:
    """Return the errors of the prediction and of each baseline, in the unit of the loss.

    For cross-entropy, the baselines are softened. Pictures are then measured by squared error too,
    for which the baselines are not softened.
    """
    truth = forecast.truth
    guesses = baselines.guesses(forecast)
    soft = baselines.soft(guesses) if loss == "cross_entropy" else guesses
    errors = {UNITS[loss]: _losses({PREDICTION: forecast.predicted, **soft}, truth, loss)}
    if loss == "cross_entropy" and truth.ndim == 5:
        hard = {PREDICTION: forecast.predicted, **guesses}
        errors[UNITS["squared_error"]] = _losses(hard, truth, "squared_error")
    return errors


def flow_errors_of(forecast: Forecast, truth: DigitFlow) -> dict[str, Tensor]:
    """Return end-point errors on the pixels of digits, (N,); NaN if no pixel's motion is known.

    Both flows are backward: they say where a pixel of a predicted frame was in the frame before.
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
                for mine, its, where in zip(guess, true, known, strict=True)  # each (F, 2, H, W)
            ]
        )
        for name, guess in flows.items()
    }


def measure(batches: Sequence[Errors], draws: GroupDraws) -> tuple[Measure, ...]:
    """Return the mean errors over all sequences with their intervals.

    Args:
        batches: the errors of each batch of sequences.
        draws: resamples of the groups of these sequences.
    """
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
    """Return the mean end-point errors over all sequences with their intervals.

    Args:
        batches: the end-point errors of each batch of sequences; a sequence whose error is NaN is
            left out.
        groups: the group of each sequence.
        seed: seed of the resampling.
    """
    errors = {name: _joined([batch[name] for batch in batches]) for name in batches[0]}
    known = np.isfinite(errors[ZERO])
    draws = GroupDraws.of(np.asarray(groups)[known], seed=seed)
    zero = errors[ZERO][known]
    return tuple(
        FlowRow(
            name,
            draws.mean(each[known]),
            None if name == ZERO else draws.ratio(each[known], zero),
        )
        for name, each in errors.items()
    )


def _losses(guesses: Mapping[str, Tensor], truth: Tensor, loss: FrameLoss) -> dict[str, Tensor]:
    return {name: loss_of(guess, truth, loss) for name, guess in guesses.items()}


def _rows(errors: Mapping[str, Floats], draws: GroupDraws) -> tuple[Row, ...]:
    """Return the rows for errors (N, F) by name."""
    own = errors[PREDICTION].mean(1)  # (N,)
    rows = []
    for name, each in errors.items():
        mean, *steps = draws.means(np.column_stack((each.mean(1), each)))  # (N, 1 + F)
        difference = None if name == PREDICTION else draws.mean(own - each.mean(1))
        rows.append(Row(name, mean, tuple(steps), difference))
    return tuple(rows)


def _joined(parts: Sequence[Tensor]) -> Floats:
    return torch.cat([part.cpu() for part in parts]).double().numpy()
