"""Test sequences of generated moving digits."""

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

_DRAWN = 100  # sequences drawn together, whatever the batch size, so that it changes no sequence
# The settings of the published Moving MNIST file.
_PUBLISHED = {"kind": "bouncing", "frames": 20, "digits": 2, "canvas": 64, "step": 0.1}


class DigitSequences(Sequences):
    """Moving digits, made from images that the run was not trained on.

    Args:
        stream: the stream that the run was trained on.
        source: source of the digit images; None takes that of `stream`.
        count: number of test sequences.
        batch: number of sequences in a batch.
        seed: seed of the test sequences.
        device: the device that draws them.
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
        images = stream.source if source is None else source
        self.source: Literal["sklearn"] | Path = (
            "sklearn" if str(images) == "sklearn" else Path(images)
        )
        self.stream = stream
        self.count, self.batch, self.seed, self.device = count, batch, seed, device
        self.test = self._part("test")
        self.train = self._part("train")

    def tested(self) -> Iterator[ClipsToForecast]:
        """Yield sequences of the test images; the first n do not depend on their number."""
        glyphs = load_glyphs(self.source, split="test").to(self.device)
        number = 0
        for made in self._drawn(self.test, self.count):
            groups = tuple(str(number + at) for at in range(len(made.frames)))
            number += len(groups)
            yield ClipsToForecast(made.rgb(), groups, partial(digit_flow, made, glyphs))

    def training(self) -> Iterator[ClipsToForecast]:
        """Yield sequences of the training images."""
        for made in self._drawn(self.train, TRAINING):
            yield ClipsToForecast(made.rgb(), ("",) * len(made.frames))

    def in_words(self) -> tuple[str, ...]:
        """Say which digits they are, and whether they can be compared with published figures."""
        changed = [name for name, value in _PUBLISHED.items() if getattr(self.test, name) != value]
        what = f"{self.count:,} sequences"
        if self.source == "sklearn":
            origin = f"{what} from scikit-learn's test digits by a fixed seed: not MNIST"
        elif changed:
            origin = (
                f"{what} from MNIST's test digits by a fixed seed, with {', '.join(changed)} "
                "unlike the published file's: not the same distribution"
            )
        else:
            origin = (
                f"{what} from MNIST's test digits by a fixed seed: same distribution as the "
                "published file, not the same sequences"
            )
        if self.stream.split == "test":
            return (origin, "transductive: the run was trained on the same test digits")
        return (origin,)

    def about(self) -> dict[str, Any]:
        """Return the test stream and the training stream as plain data."""
        return {
            "tested": describe(self.test),
            "training": describe(self.train),
            "sequences": self.count,
            "training_sequences": TRAINING,
            "drawn_together": _DRAWN,
        }

    def _part(self, split: Split) -> DigitStream:
        """Return the stream of the run with the images of another split."""
        return dataclasses.replace(self.stream, source=self.source, split=split, seed=self.seed)

    def _drawn(self, stream: DigitStream, count: int) -> Iterator[MovingDigits]:
        """Yield the first `count` sequences of a stream, batch by batch."""
        for number in range(-(-count // _DRAWN)):
            made = stream.batch(number, clips=_DRAWN, device=self.device)
            past = min(_DRAWN, count - number * _DRAWN)
            for first in range(0, past, self.batch):
                yield _some(made, slice(first, min(first + self.batch, past)))


def _some(made: MovingDigits, part: slice) -> MovingDigits:
    """Return some of the sequences."""
    return MovingDigits(
        frames=made.frames[part],
        labels=made.labels[part],
        glyphs=made.glyphs[part],
        offsets=made.offsets[part],
        velocities=made.velocities[part],
        directions=None if made.directions is None else made.directions[part],
    )
