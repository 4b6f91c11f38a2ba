"""Do the encoder and the labels use motion? The probe on clips that had it taken away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfvid.probing.variants import Assessed, Task, chance
from selfvid.statistics.words import points
from selfvid.statistics.metrics import Interval

# Shuffling changes what is added up in which order: rounding, not seeing.
_ROUNDING = 1e-3


@dataclass(frozen=True)
class MotionCheck:
    """What freezing and shuffling cost.

    Attributes:
        order_seen: largest change that shuffling makes to any feature, in deviations of the
            features over the videos; about 1e-6 where the features are blind to order.
        over_frozen: accuracy minus that on frozen clips.
        over_shuffled: accuracy minus that on shuffled clips.
        words: what that means, in plain sentences.
    """

    order_seen: float
    over_frozen: Interval
    over_shuffled: Interval
    words: tuple[str, ...]


def motion_check(
    ordered: Assessed,
    frozen: Assessed,
    shuffled: Assessed,
    task: Task,
    *,
    order_seen: float,
    pool: str,
) -> MotionCheck:
    """Compare the three probes of one encoder.

    Args:
        ordered: on clips as they are.
        frozen: on clips frozen at their middle frame.
        shuffled: on clips with frames shuffled.
        task: that all three were given.
        order_seen: as `order_change` measures it.
        pool: how frames were pooled over time, for the words.
    """
    over_frozen = task.difference(ordered.correct, frozen.correct)
    over_shuffled = task.difference(ordered.correct, shuffled.correct)
    constant = chance(task).accuracy.mean
    if not task.interval(ordered.correct).low > constant:
        words: tuple[str, ...] = (
            "nothing can be said of motion: the probe is not shown to be above chance as it is",
        )
    else:
        words = (
            _about_one_frame(over_frozen, task.interval(frozen.correct), constant),
            _blind(order_seen, pool) if order_seen < _ROUNDING else _about_order(over_shuffled),
        )
    return MotionCheck(order_seen, over_frozen, over_shuffled, words)


def order_change(ordered: NDArray[np.float64], shuffled: NDArray[np.float64]) -> float:
    """Largest change of features (N, D) by shuffling, in deviations over all videos."""
    deviation = float(ordered.std(axis=0).max())
    return float(np.abs(ordered - shuffled).max()) / max(deviation, 1e-12)


def _about_one_frame(over: Interval, frozen: Interval, chance: float) -> str:
    reached = f"{100 * frozen.mean:.1f} % on clips frozen at their middle frame"
    if not frozen.low > chance:
        return f"labels cannot be read from one frame: {reached}, not shown to be above chance"
    if over.low > 0:
        return f"more than one frame helps: {points(over)} over {reached}"
    if over.high < 0:
        return f"more than one frame hurts: {points(over)} against {reached}"
    return f"labels can be read without motion, as far as this resolves: {reached}, {points(over)}"


def _blind(order_seen: float, pool: str) -> str:
    return (
        f"these features cannot see order (pool {pool}): shuffling the frames changes them by at "
        f"most {order_seen:.0e} deviations, so whatever several frames add is not motion; "
        "pool segments keeps order"
    )


def _about_order(over: Interval) -> str:
    if over.low > 0:
        return f"order matters: {points(over)} over clips with their frames shuffled"
    if over.high < 0:
        return f"order misleads: {points(over)} against clips with their frames shuffled"
    return f"order makes no difference that this resolves: {points(over)} over shuffled frames"
