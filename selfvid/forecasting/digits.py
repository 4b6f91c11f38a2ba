"""Forecasts tested on generated digits."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from selfvid.data.digits.glyphs import Split, load_glyphs
from selfvid.data.digits.moving_digits import MovingDigits
from selfvid.data.digits.stream import DigitStream
from selfvid.data.digits.true_flow import digit_flow
from selfvid.forecasting.sequences import TRAINING, ClipsToForecast, Sequences
from selfvid.saving.recorded import describe

_DRAWN = 100  # sequences that are drawn together, so that they do not depend on the batch
_PUBLISHED = {"kind": "bouncing", "frames": 20, "digits": 2, "canvas": 64, "step": 0.1}


class DigitSequences(Sequences):
    """Moving digits, made of images that the run was not trained on.

    Args:
        stream: that the run was trained on.
        source: digit images to take instead of its own; None takes its own.
        count: test sequences.
        batch: sequences that are handed on together.
        seed: of the test sequences.
        device: where they are drawn.
    """

    def __init__(
        self,
        stream: DigitStream,
        *,
        source: Path | None,
        count: int,
        batch: int,
        seed: int,
        device: torch.device,
    ) -> None:
        super().__init__()
        taken = stream.source if source is None else source
        self.source: Literal["sklearn"] | Path = (
            "sklearn" if str(taken) == "sklearn" else Path(taken)
        )
        self.stream = stream
        self.count, self.batch, self.seed, self.device = count, batch, seed, device
        self.test = self._part("test")
        self.train = self._part("train")

    def tested(self) -> Iterator[ClipsToForecast]:
        """Sequences of the test images; the first n are the same however many are asked for."""
        glyphs = load_glyphs(self.source, split="test").to(self.device)
        number = 0
        for made in self._drawn(self.test, self.count):
            groups = tuple(str(number + at) for at in range(len(made.frames)))
            number += len(groups)
            yield ClipsToForecast(made.rgb(), groups, partial(digit_flow, made, glyphs))

    def training(self) -> Iterator[ClipsToForecast]:
        """Sequences of the training images."""
        for made in self._drawn(self.train, TRAINING):
            yield ClipsToForecast(made.rgb(), ("",) * len(made.frames))

    def in_words(self) -> tuple[str, ...]:
        """Which digits, and what their figures must not be compared with."""
        changed = [name for name, value in _PUBLISHED.items() if getattr(self.test, name) != value]
        what = f"{self.count:,} sequences"
        if self.source == "sklearn":
            made = f"{what} from scikit-learn's test digits by a fixed seed: not MNIST"
        elif changed:
            made = (
                f"{what} from MNIST's test digits by a fixed seed, with {', '.join(changed)} "
                "unlike the published file's: not the same distribution"
            )
        else:
            made = (
                f"{what} from MNIST's test digits by a fixed seed: same distribution as the "
                "published file, not the same sequences"
            )
        if self.stream.split == "test":
            return (made, "transductive: the run was trained on the same test digits")
        return (made,)

    def about(self) -> dict[str, Any]:
        """Both streams."""
        return {
            "tested": describe(self.test),
            "training": describe(self.train),
            "sequences": self.count,
            "training_sequences": TRAINING,
            "drawn_together": _DRAWN,
        }

    def _part(self, split: Split) -> DigitStream:
        return dataclasses.replace(self.stream, source=self.source, split=split, seed=self.seed)

    def _drawn(self, stream: DigitStream, count: int) -> Iterator[MovingDigits]:
        for number in range(-(-count // _DRAWN)):
            made = stream.batch(number, clips=_DRAWN, device=self.device)
            past = min(_DRAWN, count - number * _DRAWN)
            for first in range(0, past, self.batch):
                yield _some(made, slice(first, min(first + self.batch, past)))


def _some(made: MovingDigits, part: slice) -> MovingDigits:
    """Some of the sequences."""
    return MovingDigits(
        frames=made.frames[part],
        labels=made.labels[part],
        glyphs=made.glyphs[part],
        offsets=made.offsets[part],
        velocities=made.velocities[part],
        directions=None if made.directions is None else made.directions[part],
    )
