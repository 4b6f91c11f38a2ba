import json
from pathlib import Path

import numpy as np
import pytest

from selfvid.detecting.labels import LABELS, Found, write_labels
from selfvid.detecting.segments import PostProcessing

NAMES = ("walk", "sit", "run", "jump")
# Background first; three clips of two seconds.
CHANCES = np.array(
    [[0.9, 0.05, 0.03, 0.01, 0.01], [0.4, 0.1, 0.4, 0.08, 0.02], [0.2, 0.1, 0.6, 0.06, 0.04]]
)
SPANS = np.array([[0.0, 2.0], [2.0, 4.0], [4.0, 6.0]])


def found(alpha: float) -> Found:
    post = PostProcessing(smooth=0, alpha=alpha)
    return Found.of(CHANCES, SPANS, post, labels=NAMES, assume="one_per_video")


def test_labels_are_the_three_likeliest_activities_without_the_background() -> None:
    means = {name: CHANCES[:, place + 1].mean() for place, name in enumerate(NAMES)}
    total = sum(means.values())
    labels = found(0.5).labels
    assert [each.label for each in labels] == ["sit", "walk", "run"]
    for each in labels:
        assert each.score == pytest.approx(means[each.label] / total)


def test_overlapping_activities_have_scores_of_their_own() -> None:
    made = Found.of(
        CHANCES[:, 1:], SPANS, PostProcessing(smooth=0), labels=NAMES, assume="overlapping"
    )
    assert made.labels[0].score == pytest.approx(CHANCES[:, 2].mean())
    assert made.highest == pytest.approx(0.6)


def test_a_line_says_what_was_found_or_how_far_it_was_from_the_threshold() -> None:
    assert found(0.5).in_words(alpha=0.5) == "sit 0.69, walk 0.17, run 0.10; 1 segment"
    line = found(0.9).in_words(alpha=0.9)
    assert "; no segment: the probability that any activity goes on reaches 0.80" in line
    assert line.endswith("alpha is 0.9")


def test_labels_are_written_in_activitynets_scheme(tmp_path: Path) -> None:
    write_labels({"video": found(0.5)}, tmp_path, encoder="FrameEncoder")
    plain = json.loads((tmp_path / LABELS).read_text())
    assert set(plain) == {"version", "results", "external_data"}
    assert [each["label"] for each in plain["results"]["video"]] == ["sit", "walk", "run"]
