from __future__ import annotations

import math

import numpy as np
import pytest

from selfvid.probing.baselines.histograms.words import Vocabulary, pyramid_histogram


def _clouds(count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0, 0], [10, 0, 0], [0, 10, 0], [0, 0, 10]], np.float32)
    which = rng.integers(0, 4, count)
    noise = rng.normal(scale=0.5, size=(count, 3))
    return (centres[which] + noise).astype(np.float32), centres


def test_words_are_the_middles_of_clouds() -> None:
    vectors, centres = _clouds()
    made = Vocabulary.fit(vectors, words=4)
    apart = np.linalg.norm(made.words[:, None] - centres, axis=2)
    assert sorted(apart.argmin(axis=1).tolist()) == [0, 1, 2, 3]
    assert apart.min(axis=1).max() < 0.2
    assert made.variance == pytest.approx(0.25, rel=0.2)


def test_shares_sum_to_one_and_match_the_formula() -> None:
    vectors = np.random.default_rng(1).normal(size=(50, 5)).astype(np.float32)
    made = Vocabulary.fit(vectors, words=7)
    shares = made.assign(vectors)
    assert shares.shape == (50, 7)
    assert shares.sum(axis=1) == pytest.approx(np.ones(50), abs=1e-5)
    for vector, share in zip(vectors[:5], shares[:5], strict=True):
        weights = [math.exp(-((vector - w) ** 2).sum() / (2 * made.variance)) for w in made.words]
        assert share == pytest.approx(np.array(weights) / sum(weights), abs=1e-4)


def test_a_descriptor_between_two_words_belongs_to_both() -> None:
    made = Vocabulary(np.array([[-1, 0], [1, 0]], np.float32), variance=1.0)
    assert made.assign(np.zeros((1, 2), np.float32))[0] == pytest.approx([0.5, 0.5])


def test_far_from_every_word_is_still_a_share() -> None:
    made = Vocabulary(np.array([[-1, 0], [1, 0]], np.float32), variance=1e-12)
    (share,) = made.assign(np.array([[1e4, 0]], np.float32))
    assert share.tolist() == [0, 1]


def test_there_are_no_more_words_than_descriptors_that_differ() -> None:
    vectors = np.repeat(np.array([[0, 1], [2, 3]], np.float32), 20, axis=0)
    made = Vocabulary.fit(vectors, words=64)
    assert len(made.words) == 2
    assert np.isfinite(made.assign(vectors)).all()


def test_no_descriptors_at_all_make_one_word() -> None:
    made = Vocabulary.fit(np.zeros((0, 4), np.float32), words=8)
    assert made.assign(np.ones((3, 4), np.float32)).tolist() == [[1]] * 3


def test_a_large_training_part_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfvid.probing.baselines.histograms.words._SAMPLE", 100)
    vectors, centres = _clouds(5000)
    made = Vocabulary.fit(vectors, words=4)
    assert np.linalg.norm(made.words[:, None] - centres, axis=2).min(axis=1).max() < 0.4


def test_the_same_seed_makes_the_same_words() -> None:
    vectors, _ = _clouds()
    one, again = (Vocabulary.fit(vectors, words=9, seed=3) for _ in range(2))
    assert (one.words == again.words).all()


@pytest.mark.parametrize("levels", [(1,), (1, 2), (3, 1, 4)])
def test_every_descriptor_counts_in_its_cell_of_every_level(levels: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(5), size=40).astype(np.float32)
    places = rng.random((40, 2)).astype(np.float32)
    expected = []
    for side in levels:
        for row in range(side):
            for column in range(side):
                inside = np.zeros(5)
                for share, (down, right) in zip(shares, places, strict=True):
                    if row <= down * side < row + 1 and column <= right * side < column + 1:
                        inside += share
                expected.append(inside / 40)
    found = pyramid_histogram(shares, places, levels=levels)
    np.testing.assert_allclose(found, np.concatenate(expected), atol=1e-6)
    assert found.sum() == pytest.approx(len(levels))


def test_no_descriptors_make_zeros() -> None:
    none = np.zeros((0, 3), np.float32), np.zeros((0, 2), np.float32)
    assert pyramid_histogram(*none, levels=(1, 2)).tolist() == [0] * 15
