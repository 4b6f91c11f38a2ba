"""The mean filter of Montes et al. along a video's clips."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Ends = Literal["whole", "published"]


def smoothed(
    values: NDArray[np.float64], *, half: int, ends: Ends = "whole"
) -> NDArray[np.float64]:
    """The mean of the 2 x `half` values from i - half up to, but without, i + half, for each i.

    At the ends of the video the window is shorter. As published it never reaches the last clip::

        half 1, clips a b c    whole: a, ab, bc    published: a, ab, b

    Args:
        values: (N, ...).
        half: half the width of the window; 0 leaves the values as they are.
        ends: "published" leaves the last clip out of every mean; one clip alone stays as it is
            (the published code divides zero by zero there).
    """
    count = len(values)
    if half == 0 or count < 2:
        return values
    last = count if ends == "whole" else count - 1
    places = np.arange(count)
    first, past = np.maximum(places - half, 0), np.minimum(places + half, last)
    sums = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    width = (past - first).reshape(-1, *[1] * (values.ndim - 1))
    means: NDArray[np.float64] = (sums[past] - sums[first]) / width
    return means
