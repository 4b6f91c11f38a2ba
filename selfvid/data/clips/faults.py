"""Clips that cannot be read: how many may fail, and a counter that stops the run after more."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

from selfvid.errors import InputError
from selfvid.types import ClipBatch

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FaultPolicy:
    """How many clips may fail, that is, cannot be read, before the run stops.

    Attributes:
        share: largest share of clips that may be replaced by others; at 0 no clip is replaced
            and the first clip that fails stops the run, as evaluation requires.
        least: number of failed clips from which on the share is checked.
    """

    share: float = 0.05
    least: int = 10

    def __post_init__(self) -> None:
        if not (math.isfinite(self.share) and 0 <= self.share <= 1):
            raise InputError(f"share of faults is {self.share}; expected 0 to 1")
        if self.least < 1:
            raise InputError(f"least number of faults is {self.least}; expected 1 or more")

    @property
    def strict(self) -> bool:
        """Whether no clip may fail, as in evaluation."""
        return self.share == 0


class FaultCounter:
    """Counter of the clips that were replaced, in the process that receives the batches.

    Attributes:
        clips: number of clips received so far.
        failed: how many of them replace a clip that could not be read.
    """

    def __init__(self, policy: FaultPolicy) -> None:
        self._policy = policy
        self.clips = 0
        self.failed = 0
        self._named: list[str] = []

    def tally(self, batch: ClipBatch) -> None:
        """Count a batch, and log each file that failed the first time that it fails.

        Raises:
            InputError: If a larger share of the clips so far has failed than the policy allows.
        """
        self.clips += len(batch)
        self.failed += len(batch.faults)
        for fault in dict.fromkeys(batch.faults):
            if fault not in self._named:
                self._named.append(fault)
                _log.warning("clip replaced by another: %s", fault)
        allowed = self._policy.share * self.clips
        if self.failed >= self._policy.least and self.failed > allowed:
            raise InputError(
                f"{self.failed} of {self.clips} clips ({self.failed / self.clips:.1%}) could not "
                f"be read; expected at most {self._policy.share:.1%}; the first: {self._named[0]}"
            )

    def state_dict(self) -> dict[str, Any]:
        """Return the counts as plain data, for a checkpoint."""
        return {"clips": self.clips, "failed": self.failed, "named": list(self._named)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue counting from what `state_dict` returned."""
        self.clips = int(state["clips"])
        self.failed = int(state["failed"])
        self._named = [str(fault) for fault in state["named"]]
