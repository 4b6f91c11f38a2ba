from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from selfvid.data.manifest.manifest import Manifest
from selfvid.probing.label_curve import CurveDifference, CurvePoint, LabelCurve
from selfvid.probing.result import ProbeResult, curve_table, table
from selfvid.probing.variants import VariantResult
from selfvid.results.scores import Scores
from selfvid.statistics.intervals import Interval

pytestmark = pytest.mark.slow


def test_accuracies_can_be_computed_again_from_the_predictions(result: ProbeResult) -> None:
    with (result.path / "predictions.csv").open() as text:
        lines = list(csv.DictReader(text))
    assert len(lines) == 24
    for name in ("encoder", "metadata", "encoder, shuffled frames"):
        right = [line[name] == line["label"] for line in lines]
        assert np.mean(right) == pytest.approx(result.row(name).accuracy.mean)
    by_seed = [
        np.mean([line[f"random weights {n}"] == line["label"] for line in lines]) for n in range(2)
    ]
    assert by_seed == pytest.approx(result.row("random weights").repeat_accuracies)
    groups = [
        {line["group"] for line in lines if line["fold"] == f"fold {n} of 3"} for n in (1, 2, 3)
    ]
    assert sum(map(len, groups)) == len(set.union(*groups))


def test_scores_are_the_out_of_fold_probabilities(result: ProbeResult, bars: Path) -> None:
    scores = Scores.read(result.path / "scores.csv")
    assert set(scores.videos) == {row.video for row in Manifest.read(bars).rows}
    right = (scores.predicted == scores.labels).mean()
    assert right == pytest.approx(result.row("encoder").accuracy.mean)


def test_the_printed_table_names_seeds_videos_and_groups(result: ProbeResult) -> None:
    shown = str(result)
    assert "random weights (2 seeds)" in shown
    assert "24 videos tested, 2 classes, 12 groups, 3 folds" in shown
    table = shown.split("\n\n")[1].splitlines()
    assert len({line.index(".") for line in table[1:]}) == 1


def test_a_row_has_percentages_and_nothing_for_what_is_unknown() -> None:
    known = VariantResult(
        "mine", 8, Interval(0.5, 0.625, 0.75), (0.6,), (0.5, 0.75), {5: 0.25}, {1: 0.125, 5: 1.0}
    )
    unknown = VariantResult("chance", 0, Interval(np.nan, 0.2, np.nan), (0.2,), (0.2,), {}, {})
    head, one, other = table((known, unknown)).splitlines()
    assert head.split() == ["accuracy", "95", "%", "interval", "kNN-5", "R@1", "R@5"]
    assert one.split() == [
        "mine",
        "(2",
        "seeds)",
        "62.5",
        "[50.0,",
        "75.0]",
        "25.0",
        "12.5",
        "100.0",
    ]
    assert other.split() == ["chance", "20.0"]


def test_the_curve_has_a_row_for_each_variant_and_what_was_skipped_below() -> None:
    def around(mean: float) -> Interval:
        return Interval(mean - 0.125, mean, mean + 0.125)

    curve = LabelCurve(
        points=tuple(
            CurvePoint(name, count, around(mean), (mean,))
            for count, means in ((2, (0.5, 0.25)), (None, (0.75, 0.5)))
            for name, mean in zip(("mine", "other"), means, strict=True)
        ),
        differences=(
            CurveDifference("other", 2, around(0.25)),
            CurveDifference("other", None, around(-0.5)),
        ),
        skipped=("9 per class left out",),
        words=("mine comes first",),
    )
    head, mine, other, _, minus, gap, _, first, skipped = curve_table(curve).splitlines()
    assert head.split() == ["labels", "per", "class", "2", "all"]
    assert mine.split() == ["mine", "50.0", "[37.5,", "62.5]", "75.0", "[62.5,", "87.5]"]
    assert other.split()[:4] == ["other", "25.0", "[12.5,", "37.5]"]
    assert minus.split() == ["mine", "minus", "2", "all"]
    assert gap.split() == ["other", "+25.0", "[12.5,", "37.5]", "-50.0", "[-62.5,", "-37.5]"]
    assert [first, skipped] == ["- mine comes first", "- 9 per class left out"]
