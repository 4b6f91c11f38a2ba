from __future__ import annotations

import numpy as np
import pytest

from selfvid.detecting.baselines import TrainingStatistics
from tests.detecting.recordings import recordings


def test_baselines_follow_the_statistics_of_the_training_videos() -> None:
    statistics = TrainingStatistics.of(recordings(), ("sit", "walk"), "one_at_a_time")
    assert statistics.counts.tolist() == [1, 3]
    np.testing.assert_allclose(statistics.lengths, [4, (6 + 8 + 2) / 3])
    assert statistics.per_second == pytest.approx(4 / 40)
    (only,), shares = statistics.everywhere(recordings()[0])
    assert (only.start, only.end, only.label) == (0.0, 20.0, "walk")
    np.testing.assert_allclose(shares, [0.25, 0.75])
    guess = statistics.at_random(np.random.default_rng(0))
    drawn = [segment for _ in range(200) for segment in guess(recordings()[0])[0]]
    assert len(drawn) == 400  # a tenth of 20 seconds, each time
    assert all(each.start >= 0 and each.end <= 20 for each in drawn)
    share = np.mean([each.label == "walk" for each in drawn])
    assert share == pytest.approx(0.75, abs=0.07)
    lengths = {round(each.end - each.start, 6) for each in drawn}
    assert lengths == {4.0, round(16 / 3, 6)}
