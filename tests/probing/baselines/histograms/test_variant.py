from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from selfvid.data.manifest.splits import Fold
from selfvid.probing.baselines.histograms.describe import Bag, Description
from selfvid.probing.baselines.histograms.variant import FeatureHistograms
from selfvid.probing.baselines.histograms.words import Vocabulary
from selfvid.probing.variants import Task, assess, summarise

pytestmark = pytest.mark.slow


def _video(label: int, seed: int) -> Description:
    """Two kinds of descriptors; those of class 1 lie in the lower half of the picture."""
    rng = np.random.default_rng(seed)
    places = rng.random((30, 2)).astype(np.float32)
    places[:, 0] = places[:, 0] / 2 + label / 2
    bags = {
        name: Bag(rng.normal(size=(30, width)).astype(np.float32), places)
        for name, width in (("one", 4), ("two", 3))
    }
    return Description(bags, np.zeros(2, np.float32))


def _task(videos: int = 24) -> Task:
    groups = np.arange(videos) // 2
    every = np.arange(videos)
    parts = [np.flatnonzero(groups % 3 == n) for n in range(3)]
    return Task(
        labels=every % 2,
        groups=groups,
        folds=tuple(Fold(np.setdiff1d(every, test), test, "") for test in parts),
        classes=("upper", "lower"),
    )


@pytest.fixture
def videos() -> list[Description]:
    return [_video(n % 2, seed=n) for n in range(24)]


def test_place_in_the_picture_can_tell_the_class(videos: list[Description]) -> None:
    task = _task()
    variant = FeatureHistograms(videos, words=5)
    row = summarise(assess("it", [variant], task), task)
    assert row.accuracy.mean > 0.95
    assert row.features == (1 + 4) * (5 + 5) + 2
    without = FeatureHistograms(videos, words=5, levels=(1,))
    assert summarise(assess("it", [without], task), task).accuracy.mean < 0.9


def test_words_are_fitted_to_training_videos_only(
    videos: list[Description], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []
    fit = Vocabulary.fit

    def spy(vectors: np.ndarray, *, words: int, seed: int = 0) -> Vocabulary:
        seen.append(vectors)
        return fit(vectors, words=words, seed=seed)

    monkeypatch.setattr(Vocabulary, "fit", staticmethod(spy))
    task = _task()
    for fold in task.folds:
        seen.clear()
        FeatureHistograms(videos, words=5).histograms(fold)
        for name, vectors in zip(("one", "two"), seen, strict=True):
            expected = _rows(videos[at].bags[name] for at in fold.train)
            assert {tuple(row) for row in vectors.tolist()} == expected
            assert not expected & _rows(videos[at].bags[name] for at in fold.test)


def _rows(bags: Iterable[Bag]) -> set[tuple[float, ...]]:
    return {tuple(row) for bag in bags for row in bag.vectors.tolist()}


def test_other_test_videos_change_no_training_histogram(videos: list[Description]) -> None:
    fold = _task().folds[0]
    train, test = FeatureHistograms(videos, words=5).histograms(fold)
    replaced = [_video(0, seed=99 + n) if n in fold.test else videos[n] for n in range(24)]
    same, other = FeatureHistograms(replaced, words=5).histograms(fold)
    assert (train == same).all()
    assert (test != other).any()


def test_a_histogram_is_the_root_of_shares_and_what_the_whole_is_like(
    videos: list[Description],
) -> None:
    fold = _task().folds[1]
    assert fold.train[0] == 0
    videos[0] = Description(videos[0].bags, np.array([3, 4], np.float32))
    train, _ = FeatureHistograms(videos, words=5, levels=(1,)).histograms(fold)
    assert train[0, 10:].tolist() == [3, 4]
    for name, found in zip(("one", "two"), (train[0, :5], train[0, 5:10]), strict=True):
        bags = [videos[at].bags[name] for at in fold.train]
        words = Vocabulary.fit(np.concatenate([bag.vectors for bag in bags]), words=5)
        shares = words.assign(bags[0].vectors).mean(axis=0)
        assert found**2 == pytest.approx(shares, abs=1e-5)
