from __future__ import annotations

import numpy as np

from selfvid.detecting.measures import Evaluator, Outcome
from selfvid.detecting.segments import Segment
from tests.detecting.recordings import recordings


def test_a_perfect_guess_is_perfect_and_none_is_nothing() -> None:
    tested = recordings()
    evaluator = Evaluator(tested, ["a", "b"], ("sit", "walk"), 0)
    perfect = [
        (
            [Segment(a.start, a.end, a.label, 0.5) for a in each.video.activities],
            np.array([0.2, 0.8]) if at else np.array([0.6, 0.4]),
        )
        for at, each in enumerate(tested)
    ]
    outcome = evaluator.outcome(perfect)
    for overlap in (0.3, 0.5, 0.7):
        assert outcome.interval(overlap).mean == 1.0
    assert (outcome.classification, outcome.hit_at_3) == (1.0, 1.0)
    nothing = evaluator.outcome([([], np.array([0.5, 0.5])) for _ in tested])
    assert nothing.interval(0.5).mean == 0.0
    gap = outcome.over(nothing, 0.5)
    # The same on every draw of two groups is certain; of one group there is no telling.
    assert (gap.low, gap.mean, gap.high) == (1.0, 1.0, 1.0)
    alone = Evaluator(tested, ["a", "a"], ("sit", "walk"), 0).outcome(perfect)
    assert np.isnan(alone.interval(0.5).low)
    both = Outcome.mean([outcome, nothing])
    assert both.interval(0.5).mean == 0.5
