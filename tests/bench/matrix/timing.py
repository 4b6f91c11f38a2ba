"""The onset and the duration of a spoken word, which give much of the word away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.errors import InputError
from selfvid.probing.baselines.base import Baseline


class WordTiming(Baseline):
    """When a word of a sentence of GRID begins, and how long it takes, in seconds.

    Args:
        slot: the place of the word in the sentence, such as ``colour``. Rows of whole sentences
            have the columns SLOT_start and SLOT_end; the other rows are the words themselves.
    """

    name = "word timing"

    def __init__(self, slot: str) -> None:
        self.slot = slot

    def features(self, manifest: Manifest) -> NDArray[np.float64]:
        """Return onset and duration, (N, 2)."""
        times = np.array([self._times(row) for row in manifest.rows])
        return np.stack([times[:, 0], times[:, 1] - times[:, 0]], 1)

    def _times(self, row: Row) -> tuple[float, float]:
        columns = row.columns
        if f"{self.slot}_start" in columns:
            return float(columns[f"{self.slot}_start"]), float(columns[f"{self.slot}_end"])
        if row.start is None or row.end is None:
            raise InputError(f"{row.path} is no segment and has no times of {self.slot!r}")
        return row.start, row.end
