"""All variants asked the same, compared in pairs, and put into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfvid.statistics import words
from selfvid.probing.motion import MotionCheck, motion_check, order_change
from selfvid.probing.variants import (
    Assessed,
    Learned,
    Task,
    VariantResult,
    assess,
    chance,
    summarise,
)
from selfvid.statistics.metrics import Interval

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
        rows: of the table; chance is the last of the floors, views of the encoder come after.
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
    """Whether pretraining helped, whether floors were beaten, and what the figures cannot bear.

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
            said.append(words.against_floor(difference, floor=name))
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
