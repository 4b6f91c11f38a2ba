"""Moving digits without end, for objectives that train on fresh sequences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from selfvid.data.digits import Glyphs
from selfvid.data.moving_digits import MovingDigits, bouncing, generator_for


@dataclass(frozen=True, kw_only=True)
class BouncingStream:
    """Bouncing digits without end, each batch made on the device when it is asked for.

    A batch is a function of the seed and its number alone, so that training that goes on at
    step n sees what it would have seen.

    Attributes:
        glyphs: the digit images to choose from.
        batch_size: B, sequences in a batch.
        seed: chooses the stream.
        frames: T.
        digits: digits in a sequence.
        canvas: H and W in pixels.
        step: way per frame, as for `bouncing`.
        device: where batches are rendered; the random numbers are drawn on the CPU, so that a
            seed means the same sequences on every device.
    """

    glyphs: Glyphs
    batch_size: int
    seed: int
    frames: int = 20
    digits: int = 2
    canvas: int = 64
    step: float | tuple[float, float] = 0.1
    device: torch.device | str = "cpu"

    def __post_init__(self) -> None:
        object.__setattr__(self, "glyphs", self.glyphs.to(self.device))

    def batch(self, number: int) -> MovingDigits:
        """Batch `number` of the stream, counted from 0."""
        return bouncing(
            self.glyphs,
            batch=self.batch_size,
            generator=generator_for(self.seed, number),
            frames=self.frames,
            digits=self.digits,
            canvas=self.canvas,
            step=self.step,
            device=self.device,
        )

    def __iter__(self) -> Iterator[MovingDigits]:
        number = 0
        while True:
            yield self.batch(number)
            number += 1
