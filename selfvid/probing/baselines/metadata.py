"""The baseline of metadata: what files give away without a pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from selfvid.data.manifest.manifest import Manifest
from selfvid.probing.baselines.base import Baseline


class Metadata(Baseline):
    """What the files reveal without their pixels.

    The features are duration, number of frames, frame rate, width, height and file size. If the
    manifest has labelled segments, the length and the start of each segment are added.
    """

    name = "metadata"

    def __init__(self) -> None:
        pass

    def features(self, manifest: Manifest) -> NDArray[np.float64]:
        """Return the features, (N, 6), or (N, 8) if there are segments."""
        rows = manifest.rows
        measured = np.array(
            [(r.duration, r.frames, r.rate, r.width, r.height, r.bytes) for r in rows], np.float64
        )  # (N, 6)
        if all(row.start is None and row.end is None for row in rows):
            return measured
        start = np.array([row.start or 0.0 for row in rows])
        end = np.array([row.duration if row.end is None else row.end for row in rows])
        return np.column_stack((measured, end - start, start))  # (N, 8)
