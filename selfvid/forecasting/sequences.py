"""The contract of test sequences, and of the training sequences that baselines are fitted to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from selfvid.data.digits.true_flow import DigitFlow

TRAINING = 200  # training sequences for the baselines: enough for a smooth mean frame, quick


@dataclass(frozen=True, eq=False)
class ClipsToForecast:
    """A batch of clips that contain both the frames to see and the frames to predict.

    Attributes:
        frames: uint8 (B, T, 3, H, W).
        groups: the group of each sequence, (B,); sequences of one group resemble one another.
        flow: returns the true flow; None if it is unknown.
    """

    frames: Tensor
    groups: tuple[str, ...]
    flow: Callable[[], DigitFlow] | None = None


class Sequences(ABC):
    """A source of test sequences and training sequences.

    Attributes:
        faults: one line for each test video that gave no clip; complete after `tested` is read.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []

    @abstractmethod
    def tested(self) -> Iterator[ClipsToForecast]:
        """Yield the test sequences, the same ones at each call."""

    @abstractmethod
    def training(self) -> Iterator[ClipsToForecast]:
        """Yield some training sequences, the same ones at each call."""

    @abstractmethod
    def in_words(self) -> tuple[str, ...]:
        """Say what the test sequences are, and how they relate to the training sequences."""

    @abstractmethod
    def about(self) -> dict[str, Any]:
        """Return the same as plain data, for the protocol."""
