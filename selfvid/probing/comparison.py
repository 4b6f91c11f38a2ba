"""All variants asked the same, compared in pairs, and put into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfvid.probing.variants import (
    Assessed,
    Learned,
    Task,
    VariantResult,
    assess,
    chance,
    summarise,
)
from selfvid.statistics import words
from selfvid.statistics.intervals import Interval
from selfvid.statistics.words import points

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


ENCODER = "encoder"
START = "encoder at start"
RANDOM = "random weights"
FROZEN = "encoder, frozen frames"
SHUFFLED = "encoder, shuffled frames"
_VIEWS = (FROZEN, SHUFFLED)

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Every variant's outcome, and how the encoder stands to the others.

    Attributes:
        assessed: raw outcomes by name, the encoder's first.
        rows: of the table; chance is the last of the baselines, views of the encoder come after.
        differences: the encoder's accuracy minus that of each other variant, paired.
    """

    assessed: dict[str, Assessed]
    rows: tuple[VariantResult, ...]
    differences: dict[str, Interval]


def compare(variants: Mapping[str, Sequence[Floats | Learned]], task: Task) -> Comparison:
    """Assess every variant on one task: features (N, D), or what learns them, of each seed."""
    assessed = {name: assess(name, repeats, task) for name, repeats in variants.items()}
    rows = {name: summarise(found, task) for name, found in assessed.items()}
    own = assessed[ENCODER].correct
    return Comparison(
        assessed=assessed,
        rows=(
            *(row for name, row in rows.items() if name not in _VIEWS),
            chance(task),
            *(row for name, row in rows.items() if name in _VIEWS),
        ),
        differences={
            name: task.difference(own, other.correct)
            for name, other in assessed.items()
            if name != ENCODER
        },
    )


def check_motion(
    variants: Mapping[str, Sequence[Floats]], found: Comparison, task: Task, *, pool: str
) -> MotionCheck | None:
    """What freezing and shuffling cost, or None where it was not tried."""
    if not set(_VIEWS) <= set(variants):
        return None
    return motion_check(
        found.assessed[ENCODER],
        found.assessed[FROZEN],
        found.assessed[SHUFFLED],
        task,
        order_seen=order_change(variants[ENCODER][0], variants[SHUFFLED][0]),
        pool=pool,
    )


def in_words(found: Comparison, task: Task, *, start: str) -> tuple[str, ...]:
    """Whether pretraining helped, whether baselines were beaten, and what the figures cannot bear.

    Args:
        found: the comparison.
        task: that it was made on.
        start: what weights the encoder began with.
    """
    videos, groups = len(task.tested), len(set(task.groups[task.tested].tolist()))
    said: list[str | None] = []
    for name, difference in found.differences.items():
        if name in (RANDOM, START):
            over = name if name == RANDOM else f"the {name} ({start})"
            said.append(words.against_random(difference, over=over, videos=videos, groups=groups))
        elif name not in _VIEWS:
            said.append(words.against_baseline(difference, baseline=name))
    constant = chance(task).accuracy.mean
    said.append(words.against_chance(found.rows[0].accuracy, chance=constant))
    said.append(words.about_groups(groups))
    said.append(_about_choices(found.rows))
    return tuple(sentence for sentence in said if sentence)


def _about_choices(rows: Sequence[VariantResult]) -> str | None:
    """A note where classifiers did not converge or wanted a wider grid; None where all is well."""
    choices = [choice for row in rows for repeat in row.chosen for choice in repeat]
    unconverged = sum(not choice.converged for choice in choices)
    if not unconverged:
        return None
    return (
        f"{unconverged} of {len(choices)} classifiers did not converge; see chosen in result.json"
    )
