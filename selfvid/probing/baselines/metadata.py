"""What a result must be held against before it means anything.

A baseline gives every video some features that cost nothing; they go through the very pipeline
that the encoder's features go through.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from selfvid.data.manifest.manifest import Manifest
from selfvid.saving.recorded import Recorded


class Baseline(Recorded, ABC):
    """Features that any encoder ought to beat.

    Attributes:
        name: how the table calls it.
    """

    name: str

    def check(self, manifest: Manifest) -> None:
        """Refuse, before anything is decoded, a manifest that this baseline has no features of.

        Raises:
            InputError: naming what is missing.
        """

    @abstractmethod
    def features(self, manifest: Manifest) -> NDArray[np.float64]:
        """Features of every row, finite, (N, D)."""


class Metadata(Baseline):
    """What the files give away without a pixel being looked at.

    Duration, number of frames, rate, width, height and size of the file; where the manifest has
    labelled segments, their own length and start as well.
    """

    name = "metadata"

    def __init__(self) -> None:
        pass

    def features(self, manifest: Manifest) -> NDArray[np.float64]:
        """(N, 6), or (N, 8) where there are segments."""
        rows = manifest.rows
        measured = np.array(
            [(r.duration, r.frames, r.rate, r.width, r.height, r.bytes) for r in rows], np.float64
        )
        if all(row.start is None and row.end is None for row in rows):
            return measured
        start = np.array([row.start or 0.0 for row in rows])
        end = np.array([row.duration if row.end is None else row.end for row in rows])
        return np.column_stack((measured, end - start, start))
