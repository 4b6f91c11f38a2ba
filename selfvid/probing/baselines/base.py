"""What every baseline must provide: features that an encoder must beat."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from selfvid.data.manifest.manifest import Manifest
from selfvid.saving.recorded import Recorded


class Baseline(Recorded, ABC):
    """Base class of baselines: features that an encoder must beat.

    Attributes:
        name: name of the baseline in the table.
    """

    name: str

    def check(self, manifest: Manifest) -> None:
        """Check, before anything is decoded, that every row can be given features.

        Raises:
            InputError: If something is missing; the message names it.
        """

    @abstractmethod
    def features(self, manifest: Manifest) -> NDArray[np.float64]:
        """Return finite features of every row, (N, D)."""
