"""What each clip of a video shows, from what is annotated of the video."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from selfvid.data.annotations.annotations import Activity


def clip_labels(
    times: NDArray[np.float64],
    activities: Sequence[Activity],
    *,
    labels: Sequence[str],
    several: bool,
) -> Tensor:
    """The class of every clip; a clip shows what at least half of its frames show.

    Args:
        times: seconds of each frame of each clip, (clips, T).
        activities: of the video.
        labels: names of the K activities.
        several: whether several may go on at once.

    Returns:
        Where several may, 0 or 1 for each activity, int64 (clips, K). Else int64 (clips,): 0
        where fewer than half of the frames lie in any activity, and otherwise 1 + the number of
        the activity that most of them lie in.
    """
    inside = np.zeros((len(labels), *times.shape), bool)
    for activity in activities:
        during = (times >= activity.start) & (times < activity.end)
        inside[labels.index(activity.label)] |= during
    frames = inside.sum(-1)  # (K, clips)
    if several:
        return torch.from_numpy((2 * frames >= times.shape[1]).T.astype(np.int64))
    covered = inside.any(0).sum(-1)
    found = np.where(2 * covered >= times.shape[1], 1 + frames.argmax(0), 0)
    return torch.from_numpy(found.astype(np.int64))
