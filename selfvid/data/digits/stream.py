"""Moving digits without end, made while training, on the device that trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from selfvid.data.digits.glyphs import Glyphs, Split, load_glyphs
from selfvid.data.digits.moving_digits import MovingDigits, bouncing, drifting, generator_for
from selfvid.errors import InputError

DIGITS_SEED = 0x0D16


@dataclass(frozen=True, kw_only=True)
class DigitStream:
    """Sequences of moving digits, any number of them, each batch a function of its number.

    Training that goes on at step n sees what it would have seen. The random numbers are drawn on
    the CPU, so that a seed means the same sequences on every device.

    Attributes:
        kind: ``bouncing`` digits are the Moving MNIST of Srivastava et al.; one ``drifting`` digit
            keeps its direction for ever.
        source: ``sklearn``, or a folder with MNIST's idx files.
        split: which glyphs, ``train`` or ``test``.
        frames: T.
        digits: in each bouncing sequence.
        canvas: H and W in pixels.
        step: way of bouncing digits per frame as a share of the free canvas; two numbers are a
            range to draw each digit's own from, as in the paper.
        speed: pixels per frame of drifting digits.
        seed: chooses the stream.
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
        self.batch(0, clips=1)  # refuses sizes and speeds that cannot be

    def batch(self, number: int, *, clips: int, device: torch.device | str = "cpu") -> MovingDigits:
        """Batch `number` of the stream, counted from 0, of `clips` sequences."""
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
        if device not in self._glyphs:
            self._glyphs[device] = self._glyphs[torch.device("cpu")].to(device)
        return self._glyphs[device]
