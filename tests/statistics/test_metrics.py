from __future__ import annotations

import math

import numpy as np
import pytest

from selfvid.statistics.metrics import (
    confusion,
    effective_rank,
    hit_at_k,
    mean_average_precision,
    per_class_accuracy,
    recall_at_k,
    retrieval_hits,
    tiou,
)


def test_hit_at_k_counts_labels_among_the_highest_scores() -> None:
    scores = [[0.1, 0.2, 0.7], [0.5, 0.4, 0.1], [0.3, 0.6, 0.1]]
    labels = [2, 1, 2]  # first, second and third place
    assert [hit_at_k(scores, labels, k) for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1])


def test_as_many_places_as_classes_are_a_hit_for_every_sample() -> None:
    assert hit_at_k([[0.1, 0.9], [0.6, 0.4]], [0, 0], 2) == 1
    assert hit_at_k([[0.1, 0.2, 0.7]], [0], 5) == 1


def test_confusion_counts_true_classes_in_rows_and_predicted_ones_in_columns() -> None:
    rng = np.random.default_rng(0)
    predicted, labels = rng.integers(4, size=(2, 50))
    table = confusion(predicted, labels, 4)
    looped = np.zeros((4, 4), int)
    for guess, truth in zip(predicted, labels, strict=True):
        looped[truth, guess] += 1
    assert (table == looped).all()


def test_per_class_accuracy_is_unknown_for_a_class_without_samples() -> None:
    found = per_class_accuracy([0, 0, 1], [0, 1, 1], 3)
    assert found[:2].tolist() == [1.0, 0.5]
    assert math.isnan(found[2])


def test_mean_average_precision_matches_hand_arithmetic() -> None:
    # Ranked: right, wrong, right, wrong; precision at the right ones is 1/1 and 2/3.
    shown = np.array([[1], [0], [1], [0]])
    found = mean_average_precision([[4], [3], [2], [1]], shown)
    assert found == pytest.approx((1 + 2 / 3) / 2)


def test_average_precision_does_not_depend_on_the_order_of_ties() -> None:
    orders = ([1, 0, 0], [0, 1, 0], [0, 0, 1])
    found = [mean_average_precision([[1]] * 3, np.array(order)[:, None]) for order in orders]
    assert found == pytest.approx([1 / 3] * 3)


def test_mean_average_precision_averages_classes_that_occur() -> None:
    scores = np.array([[3.0, 1, 9], [2, 3, 9], [1, 2, 9]])
    shown = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0]])
    one = (1 / 1 + 2 / 3) / 2  # ranks 1 and 3
    assert mean_average_precision(scores, shown) == pytest.approx((one + 1) / 2)


def test_recall_at_k_matches_a_loop_over_queries() -> None:
    rng = np.random.default_rng(1)
    similarity = rng.normal(size=(20, 9))
    queries, bank = rng.integers(3, size=20), rng.integers(3, size=9)
    for k in (1, 3, 100):
        hits = 0
        for row, label in zip(similarity, queries, strict=True):
            ranked = [at for _, at in sorted(zip(-row, range(9), strict=True))]
            hits += any(bank[at] == label for at in ranked[:k])
        assert recall_at_k(similarity, queries, bank, k) == pytest.approx(hits / 20)


def test_a_query_has_a_hit_if_one_of_its_neighbours_has_its_label() -> None:
    similarity = [[0.9, 0.5, 0.1], [0.9, 0.5, 0.1]]
    found = [retrieval_hits(similarity, ["b", "a"], ["a", "b", "b"], k) for k in (1, 2)]
    assert [hits.tolist() for hits in found] == [[False, True], [True, True]]


def test_tiou_of_overlapping_apart_nested_and_empty_segments() -> None:
    found = tiou([[0, 4]], [[2, 6], [5, 9], [1, 2], [0, 4]])
    assert found.tolist() == pytest.approx(np.array([[2 / 6, 0, 1 / 4, 1]]))
    assert tiou([[1, 1]], [[1, 1]]).item() == 0


def test_effective_rank_counts_directions_of_equal_spread() -> None:
    square = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
    assert effective_rank(square + 7) == pytest.approx(2)
    assert effective_rank(square[:2]) == pytest.approx(1)
    assert effective_rank(np.full((5, 3), 0.1)) == 0


def test_effective_rank_of_unequal_spread_is_the_entropy_by_hand() -> None:
    shares = 3 / 4, 1 / 4
    vectors = np.array([[3.0, 0], [-3, 0], [0, 1], [0, -1]])
    entropy = -sum(share * math.log(share) for share in shares)
    assert effective_rank(vectors) == pytest.approx(math.exp(entropy))
