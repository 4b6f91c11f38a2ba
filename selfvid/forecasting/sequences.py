"""The sequences that forecasts are tested on, and those that their baselines are fitted to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from selfvid.data.digits.true_flow import DigitFlow

TRAINING = 200
"""Sequences that baselines learn from."""


@dataclass(frozen=True, eq=False)
class ClipsToForecast:
    """Whole clips, what is to be predicted among them.

    Attributes:
        frames: uint8 (B, T, 3, H, W).
        groups: whose sequences resemble one another, (B,).
        flow: gives the true flow where it is known.
    """

    frames: Tensor
    groups: tuple[str, ...]
    flow: Callable[[], DigitFlow] | None = None


class Sequences(ABC):
    """Where test and training sequences come from.

    Attributes:
        faults: one line for each video that gave no clip, once they have been read.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []

    @abstractmethod
    def tested(self) -> Iterator[ClipsToForecast]:
        """The test sequences, the same ones at each call."""

    @abstractmethod
    def training(self) -> Iterator[ClipsToForecast]:
        """Some training sequences, the same ones at each call."""

    @abstractmethod
    def in_words(self) -> tuple[str, ...]:
        """What the test sequences are, and how they relate to those of training."""

    @abstractmethod
    def about(self) -> dict[str, Any]:
        """The same as plain data."""
