"""Score tables and manifests with figures made up."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.results.scores import Scores

CLASSES = ("hug", "kick", "push")


def sure(
    guesses: Sequence[int], labels: Sequence[int], *, classes: Sequence[str] = CLASSES
) -> Scores:
    """Videos v0, v1, ... each of which is taken for one class with certainty."""
    videos = tuple(f"v{place}" for place in range(len(labels)))
    return Scores(videos, np.array(labels), tuple(classes), np.eye(len(classes))[list(guesses)])


def drawn(videos: Sequence[str], labels: Sequence[int], *, seed: int, sharp: float = 1.0) -> Scores:
    """Softmax of noise, raised by `sharp` at the true class."""
    values = np.random.default_rng(seed).normal(size=(len(videos), len(CLASSES)))
    values[np.arange(len(videos)), list(labels)] += sharp
    raised = np.exp(2 * values)
    return Scores(tuple(videos), np.array(labels), CLASSES, raised / raised.sum(1, keepdims=True))


def shuffled(scores: Scores, *, rows: Sequence[int], columns: Sequence[int]) -> Scores:
    """The same table with rows and columns in another order."""
    place = {old: new for new, old in enumerate(columns)}
    labels: NDArray[np.int64] = np.array([place[int(scores.labels[row])] for row in rows])
    return Scores(
        tuple(scores.videos[row] for row in rows),
        labels,
        tuple(scores.classes[column] for column in columns),
        scores.probabilities[list(rows)][:, list(columns)],
    )


def write_run(folder: Path, scores: Scores, training: Scores | None = None) -> Path:
    """Leave the tables in a run's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    scores.write(folder / "scores.csv")
    if training is not None:
        training.write(folder / "scores_training.csv")
    return folder


def write_manifest(path: Path, groups: dict[str, str]) -> Path:
    """A manifest of videos and their groups."""
    rows = [
        Row(path=f"{video}.avi", video=video, group=group, frames=9, rate=25.0, decoder="pyav")
        for video, group in groups.items()
    ]
    Manifest(tuple(rows), path.parent).write(path)
    return path
