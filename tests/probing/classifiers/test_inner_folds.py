from __future__ import annotations

import numpy as np
import pytest

from selfvid.probing.classifiers.inner_folds import choose

LABELS = np.tile([0, 1], 12)
GROUPS = np.arange(24) // 2
FEATURES = np.arange(24.0)[:, None]  # the number of each sample, so that candidates know it


def _table(features: np.ndarray, *, wrong: int, certainty: float) -> np.ndarray:
    """Probabilities (N, 2) for the true class, or the other one for the first `wrong` samples."""
    number = features[:, 0].astype(int)
    guess = np.where(number < wrong, 1 - LABELS[number], LABELS[number])
    table = np.full((len(features), 2), 1 - certainty)
    table[np.arange(len(features)), guess] = certainty
    return table


def test_the_candidate_that_is_right_most_often_over_all_folds_is_chosen() -> None:
    errors = [5, 2, 9]

    def candidates(_: np.ndarray, __: np.ndarray, held: np.ndarray) -> list[np.ndarray]:
        return [_table(held, wrong=wrong, certainty=0.6) for wrong in errors]

    chosen, how = choose(candidates, FEATURES, LABELS, GROUPS)
    assert chosen == int(np.argmin(errors))
    assert how == "chosen by 3 inner folds"


def test_log_loss_decides_between_candidates_that_are_right_equally_often() -> None:
    def candidates(_: np.ndarray, __: np.ndarray, held: np.ndarray) -> list[np.ndarray]:
        return [_table(held, wrong=0, certainty=certainty) for certainty in (0.6, 0.9, 0.7)]

    assert choose(candidates, FEATURES, LABELS, GROUPS)[0] == 1


def test_every_sample_is_held_out_once_and_never_with_its_group() -> None:
    seen: list[int] = []

    def candidates(train: np.ndarray, labels: np.ndarray, held: np.ndarray) -> list[np.ndarray]:
        fit, out = train[:, 0].astype(int), held[:, 0].astype(int)
        assert (labels == LABELS[fit]).all()
        assert not set(GROUPS[fit]) & set(GROUPS[out])
        seen.extend(out.tolist())
        return [_table(held, wrong=0, certainty=0.8)]

    assert choose(candidates, FEATURES, LABELS, GROUPS, seed=3)[0] == 0
    assert sorted(seen) == list(range(24))


@pytest.mark.parametrize(
    ("labels", "groups"),
    [
        (LABELS, np.arange(24) // 12),  # two groups
        (np.array([0] * 22 + [1] * 2), GROUPS),  # two samples of a class
    ],
)
def test_too_little_to_choose_from_takes_the_default(
    labels: np.ndarray, groups: np.ndarray
) -> None:
    def candidates(*_: np.ndarray) -> list[np.ndarray]:
        raise AssertionError

    chosen, how = choose(candidates, FEATURES, labels, groups)
    assert chosen is None
    assert how == "default: fewer than 3 groups or videos of some class"
