"""An endless stream of moving digits, drawn during training on the training device."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from selfvid.data.digits.glyphs import Glyphs, Split, load_glyphs
from selfvid.data.digits.moving_digits import MovingDigits, bouncing, drifting, generator_for
from selfvid.errors import InputError

DIGITS_SEED = 0x0D16  # keeps the stream's random numbers apart from others with the same seed


@dataclass(frozen=True, kw_only=True)
class DigitStream:
    """An endless stream of sequences of moving digits, read in batches.

    Each batch depends only on the seed, its number and its size. A run that is resumed at step n
    therefore gets the batches that it would have got without the interruption. Random numbers
    are drawn on the CPU, so that a seed gives the same sequences on every device.

    Attributes:
        kind: ``bouncing`` digits are the Moving MNIST of Srivastava et al.; a ``drifting`` digit
            is alone and keeps its direction.
        source: ``sklearn``, or a folder with MNIST's idx files.
        split: the part of the digit images to draw, ``train`` or ``test``.
        frames: T, frames of a sequence.
        digits: number of digits in a bouncing sequence.
        canvas: H and W in pixels.
        step: distance per frame of bouncing digits as a share of the free canvas (canvas minus
            digit image); two numbers are a range from which a step is drawn for each digit, as
            in the paper.
        speed: pixels per frame of drifting digits.
        seed: seed of the stream.
    """

    kind: Literal["bouncing", "drifting"] = "bouncing"
    source: Literal["sklearn"] | Path = "sklearn"
    split: Split = "train"
    frames: int = 20
    digits: int = 2
    canvas: int = 64
    step: float | tuple[float, float] = 0.1
    speed: float = 2.0
    seed: int = 0
    _glyphs: dict[torch.device, Glyphs] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if self.kind not in ("bouncing", "drifting"):
            raise InputError(f"kind is {self.kind!r}; expected bouncing or drifting")
        if isinstance(self.step, list):  # as recipes have it
            object.__setattr__(self, "step", tuple(self.step))
        self._glyphs[torch.device("cpu")] = load_glyphs(self.source, split=self.split)
        self.batch(0, clips=1)  # raises the error of a wrong size or speed now, not in training

    def batch(self, number: int, *, clips: int, device: torch.device | str = "cpu") -> MovingDigits:
        """Return batch `number` of the stream.

        Args:
            number: number of the batch, from 0 on.
            clips: B, sequences in the batch.
            device: device to draw the frames on.
        """
        place = torch.device(device)
        generator = generator_for(DIGITS_SEED, self.seed, number, clips)
        if self.kind == "bouncing":
            return bouncing(
                self._on(place),
                batch=clips,
                generator=generator,
                frames=self.frames,
                digits=self.digits,
                canvas=self.canvas,
                step=self.step,
                device=place,
            )
        return drifting(
            self._on(place),
            batch=clips,
            generator=generator,
            frames=self.frames,
            canvas=self.canvas,
            speed=self.speed,
            device=place,
        )

    def _on(self, device: torch.device) -> Glyphs:
        """Return the digit images on a device; they are copied there once."""
        if device not in self._glyphs:
            self._glyphs[device] = self._glyphs[torch.device("cpu")].to(device)
        return self._glyphs[device]
