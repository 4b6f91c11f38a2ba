"""Comparison of an encoder with its baselines on one task: paired differences and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfvid.probing.classifiers.knn import SHOWN_K
from selfvid.probing.variants import (
    LearnedFeatures,
    RawResult,
    Task,
    VariantResult,
    assess,
    chance,
    summarise,
)
from selfvid.statistics import words
from selfvid.statistics.intervals import Interval
from selfvid.statistics.words import points

ENCODER = "encoder"
START = "encoder at start"
RANDOM = "random weights"
FROZEN = "encoder, frozen frames"
SHUFFLED = "encoder, shuffled frames"
FROZEN_FLOW = "encoder, frozen fields"
SHUFFLED_FLOW = "encoder, shuffled fields"
_FRAME_VIEWS, _FLOW_VIEWS = (FROZEN, SHUFFLED), (FROZEN_FLOW, SHUFFLED_FLOW)
_VIEWS = (*_FRAME_VIEWS, *_FLOW_VIEWS)
# Standard deviations. Shuffling changes the order in which numbers are added, so that features
# which do not depend on order still differ by the rounding of float32 (about 1e-6).
_ROUNDING = 1e-3
_LEAST_DEVIATION = 1e-12  # avoids a division by zero if the features of all videos are equal

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Comparison:
    """The results of all variants, and the differences between the encoder and the others.

    Attributes:
        raw: raw results by name, the encoder's first.
        rows: of the table: the encoder, its baselines with chance as the last one, and the
            encoder on clips with frozen or shuffled frames.
        differences: the encoder's accuracy minus that of each other variant, paired.
        knn_differences: the same of the vote of five neighbours.
    """

    raw: dict[str, RawResult]
    rows: tuple[VariantResult, ...]
    differences: dict[str, Interval]
    knn_differences: dict[str, Interval]


@dataclass(frozen=True)
class MotionCheck:
    """How much accuracy is lost when clips are frozen or shuffled.

    Attributes:
        order_seen: largest change of any feature by shuffling, in standard deviations of the
            features over the videos; about 1e-6 if features do not depend on the order of frames.
        over_frozen: accuracy minus that on frozen clips.
        over_shuffled: accuracy minus that on shuffled clips.
        words: what that means, in sentences.
    """

    order_seen: float
    over_frozen: Interval
    over_shuffled: Interval
    words: tuple[str, ...]

    @staticmethod
    def of(
        ordered: RawResult,
        frozen: RawResult,
        shuffled: RawResult,
        task: Task,
        *,
        order_seen: float,
        pool: str,
        flow: bool = False,
    ) -> MotionCheck:
        """Compare the results of one encoder on three views of the clips.

        Args:
            ordered: result on clips as they are.
            frozen: result on clips that repeat their middle frame.
            shuffled: result on clips with shuffled frames.
            task: the task of all three.
            order_seen: as `order_change` measures it.
            pool: how steps were pooled over time, for the sentences.
            flow: whether clips contain optical flow, so that one field still shows motion.
        """
        over_frozen = task.difference(ordered.correct, frozen.correct)
        over_shuffled = task.difference(ordered.correct, shuffled.correct)
        constant = chance(task).accuracy.mean
        if not task.interval(ordered.correct).low > constant:
            sentences: tuple[str, ...] = (
                "no conclusion about motion: the probe on clips as they are is not shown to be "
                "above chance",
            )
        else:
            sentences = (
                (_about_one_field if flow else _about_one_frame)(
                    over_frozen, task.interval(frozen.correct), constant
                ),
                _without_order(order_seen, pool, flow=flow)
                if order_seen < _ROUNDING
                else _about_order(over_shuffled, of="fields" if flow else "frames"),
            )
        return MotionCheck(order_seen, over_frozen, over_shuffled, sentences)


def compare(variants: Mapping[str, Sequence[Floats | LearnedFeatures]], task: Task) -> Comparison:
    """Evaluate all variants on one task, and compare the encoder with each of the others.

    Args:
        variants: for each random seed the features (N, D), or an object that learns them, by
            name of the variant.
        task: the task.
    """
    raw = {name: assess(name, repeats, task) for name, repeats in variants.items()}
    rows = {name: summarise(result, task) for name, result in raw.items()}
    own, others = raw[ENCODER], {name: each for name, each in raw.items() if name != ENCODER}
    return Comparison(
        raw=raw,
        rows=(
            *(row for name, row in rows.items() if name not in _VIEWS),
            chance(task),
            *(row for name, row in rows.items() if name in _VIEWS),
        ),
        differences={
            name: task.difference(own.correct, other.correct) for name, other in others.items()
        },
        knn_differences={
            name: task.difference(own.knn[SHOWN_K], other.knn[SHOWN_K])
            for name, other in others.items()
        },
    )


def is_view(name: str) -> bool:
    """Return whether a variant is the encoder on clips with frozen or shuffled frames or fields."""
    return name in _VIEWS


def check_motion(
    variants: Mapping[str, Sequence[Floats]], comparison: Comparison, task: Task, *, pool: str
) -> MotionCheck | None:
    """Return how much freezing and shuffling cost, or None if they were not evaluated.

    Args:
        variants: features (N, D) of each random seed, by name of the variant.
        comparison: the results of these variants.
        task: the task.
        pool: how steps were pooled over time, for the sentences.
    """
    for frozen, shuffled in (_FRAME_VIEWS, _FLOW_VIEWS):
        if {frozen, shuffled} <= set(variants):
            return MotionCheck.of(
                comparison.raw[ENCODER],
                comparison.raw[frozen],
                comparison.raw[shuffled],
                task,
                order_seen=order_change(variants[ENCODER][0], variants[shuffled][0]),
                pool=pool,
                flow=frozen == FROZEN_FLOW,
            )
    return None


def order_change(ordered: Floats, shuffled: Floats) -> float:
    """Return the largest change of features (N, D) by shuffling, in standard deviations.

    The unit is the largest standard deviation of a feature over all videos.
    """
    deviation = float(ordered.std(axis=0).max())
    return float(np.abs(ordered - shuffled).max()) / max(deviation, _LEAST_DEVIATION)


def verdicts(comparison: Comparison, task: Task, *, start: str) -> tuple[str, ...]:
    """Return sentences: whether pretraining helped, which baselines were beaten, and warnings.

    Args:
        comparison: the results.
        task: the task.
        start: which weights the encoder began with, in words.
    """
    videos, groups = len(task.tested), len(set(task.groups[task.tested].tolist()))
    sentences: list[str | None] = []
    for name, difference in comparison.differences.items():
        if name in (RANDOM, START):
            over = name if name == RANDOM else f"the {name} ({start})"
            sentences.append(
                words.against_random(difference, over=over, videos=videos, groups=groups)
            )
        elif name not in _VIEWS:
            sentences.append(words.against_baseline(difference, baseline=name))
    constant = chance(task).accuracy.mean
    sentences.append(words.against_chance(comparison.rows[0].accuracy, chance=constant))
    sentences.append(words.about_groups(groups))
    sentences.append(_about_convergence(comparison.rows))
    return tuple(sentence for sentence in sentences if sentence)


def _about_convergence(rows: Sequence[VariantResult]) -> str | None:
    """Return a warning if classifiers did not converge, else None."""
    choices = [choice for row in rows for repeat in row.chosen for choice in repeat]
    unconverged = sum(not choice.converged for choice in choices)
    if not unconverged:
        return None
    return (
        f"{unconverged} of {len(choices)} classifiers did not converge; see chosen in result.json"
    )


def _about_one_frame(over: Interval, frozen: Interval, chance: float) -> str:
    reached = f"{100 * frozen.mean:.1f} % on clips frozen at their middle frame"
    if not frozen.low > chance:
        return f"labels cannot be read from one frame: {reached}, not shown to be above chance"
    if over.low > 0:
        return f"more than one frame helps: {points(over)} over {reached}"
    if over.high < 0:
        return f"more than one frame hurts: {points(over)} compared with {reached}"
    return (
        "labels can be read without motion, as far as these videos can show: "
        f"{reached}, {points(over)}"
    )


def _about_one_field(over: Interval, frozen: Interval, chance: float) -> str:
    reached = f"{100 * frozen.mean:.1f} % on clips that repeat their middle field"
    if not frozen.low > chance:
        return (
            f"labels cannot be read from the motion of one moment: {reached}, not shown to be "
            "above chance"
        )
    if over.low > 0:
        return f"motion of more than one moment helps: {points(over)} over {reached}"
    if over.high < 0:
        return f"motion of more than one moment hurts: {points(over)} compared with {reached}"
    return (
        "labels can be read from the motion of one moment, as far as these videos can show: "
        f"{reached}, {points(over)}"
    )


def _without_order(order_seen: float, pool: str, *, flow: bool) -> str:
    adds = (
        "what several fields add to one is not their order"
        if flow
        else "what several frames add to one is not motion"
    )
    return (
        f"these features do not depend on the order of {'fields' if flow else 'frames'} (pool "
        f"{pool}): shuffling changes them by at most {order_seen:.0e} standard deviations, so "
        f"{adds}; pool segments keeps the order"
    )


def _about_order(over: Interval, *, of: str) -> str:
    clips = f"clips with their {of} shuffled"
    if over.low > 0:
        return f"order matters: {points(over)} over {clips}"
    if over.high < 0:
        return f"order hurts: {points(over)} compared with {clips}"
    return f"order makes no difference that these videos can show: {points(over)} over {clips}"
