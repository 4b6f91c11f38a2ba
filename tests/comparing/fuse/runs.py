"""Runs with training scores, and runs of three folds."""

from pathlib import Path

import numpy as np

from selfvid.results.scores import Scores
from tests.comparing.tables import drawn, write_run

TRAIN = [f"t{n}" for n in range(60)]
TEST = [f"v{n}" for n in range(30)]
TRAIN_LABELS, TEST_LABELS = [n % 3 for n in range(60)], [n % 3 for n in range(30)]


def one_run(folder: Path, seed: int, labels: list[int] = TEST_LABELS) -> Path:
    """Scores whose noise does not depend on the test labels that are written beside them."""
    tested = drawn(TEST, TEST_LABELS, seed=seed)
    return write_run(
        folder,
        Scores(tested.videos, np.array(labels), tested.classes, tested.probabilities),
        drawn(TRAIN, TRAIN_LABELS, seed=seed + 10, sharp=1.5),
    )


def pair(folder: Path, labels: list[int] = TEST_LABELS) -> list[Path]:
    return [one_run(folder / f"{seed}", seed, labels) for seed in range(2)]


def folded(folder: Path, seed: int) -> Path:
    """A run of three folds over thirty videos."""
    for fold in range(3):
        tested = [n for n in range(30) if n // 3 % 3 == fold]
        trained = [n for n in range(30) if n // 3 % 3 != fold]
        for file, part in (("scores.csv", tested), ("scores_training.csv", trained)):
            place = folder / f"folds/{fold}"
            place.mkdir(parents=True, exist_ok=True)
            videos, labels = [TEST[n] for n in part], [TEST_LABELS[n] for n in part]
            drawn(videos, labels, seed=seed + 7 * fold).write(place / file)
    return folder
