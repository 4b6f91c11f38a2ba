"""Small objects made by hand: features on disk, and videos with their probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from selfvid.data.annotations.annotations import Activity, AnnotatedVideo
from selfvid.detecting.baselines import TrainingStatistics
from selfvid.detecting.corpus import Recording
from selfvid.detecting.extract import ClipFeatures
from selfvid.detecting.trial import Tested
from selfvid.features.store import FeatureFile, FeatureStore

LABELS = ("sit", "walk")


def clip_features(folder: Path, name: str, vectors: torch.Tensor) -> ClipFeatures:
    """Write vectors (N, D) of clips of two frames, one frame a second, and open them."""
    count = len(vectors)
    times = np.arange(2.0 * count).reshape(count, 2)
    path = FeatureStore(folder).write_blocks(
        name,
        [vectors],
        tensor="vectors",
        shape=(count, vectors.shape[1]),
        others={"times": times, "spans": np.stack((times[:, 0], times[:, 0] + 2), 1)},
    )
    return ClipFeatures(FeatureFile(path))


def recording(name: str, *activities: Activity, seconds: float = 20.0) -> Recording:
    return Recording(AnnotatedVideo(name, Path(name), activities), seconds, f"id of {name}")


def with_chances(video: Recording, chances: list[list[float]]) -> Tested:
    """A test video of clips of two seconds with these probabilities."""
    starts = 2.0 * np.arange(len(chances))
    return Tested(
        recording=video,
        group=video.video.name,
        statistics=TrainingStatistics.of([video], LABELS, "one_at_a_time"),
        chances=np.array(chances),
        spans=np.stack((starts, starts + 2), 1),
    )
