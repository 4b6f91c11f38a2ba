"""Comparison of an export with the PyTorch encoder, which runs the snippet next to the export."""

from __future__ import annotations

import runpy
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from selfvid.encoders.base import Encoder
from selfvid.errors import InputError
from selfvid.recurrent import Cell

SNIPPET = "use_encoder.py"
_LONGER = (4, 16)  # times the length of the traced clip

Encode = Callable[[NDArray[Any]], dict[str, NDArray[np.float32]]]


@dataclass(frozen=True)
class Plan:
    """The clips that an export is made for.

    Attributes:
        frames: T of the clip that is traced.
        size: H and W of every clip.
        window: frames that one step of the encoder sees.
        stride: frames between the starts of neighbouring steps.
        any_length: whether T may differ from `frames`.
        tolerance: largest difference that is accepted. If all features are smaller than 1, it is
            relative to the largest of them, so that errors of small features are found too.
        channels: C of the clips: 3 for pixels, 2 or 4 for optical flow.
    """

    frames: int
    size: tuple[int, int]
    window: int
    stride: int
    any_length: bool
    tolerance: float
    channels: int = 3

    @property
    def shortest(self) -> int:
        """The smallest T of a clip; two steps if T is free, as tracing fixes a single one."""
        return self.window + self.stride if self.any_length else self.frames

    @property
    def checked(self) -> tuple[tuple[int, int], ...]:
        """B and T of the compared clips: the traced one, a smaller one and a larger one."""
        # 3 frames more than the traced clip: enough to show that T is really free.
        longer = self.frames + 3 if self.any_length else self.frames
        return (2, self.frames), (1, self.shortest), (3, longer)

    @property
    def spelled(self) -> str:
        """The shape of a clip as text, for the docstring of a snippet."""
        time = "T" if self.any_length else self.frames
        clip = f"(B, {time}, {self.channels}, {self.size[0]}, {self.size[1]})"
        return f"{clip}, T at least {self.shortest}" if self.any_length else clip

    @property
    def takes_flow(self) -> bool:
        """Whether clips are optical flow, not pixels."""
        return self.channels != 3

    @property
    def takes(self) -> str:
        """What the encoder takes, for the docstring of a snippet."""
        if self.takes_flow:
            return f"optical flow in pixels, x before y, float32 {self.spelled}"
        return f"decoded RGB clips, uint8 {self.spelled}"

    @property
    def noise(self) -> str:
        """The code that makes a clip of noise with torch, for a snippet."""
        shape = (1, self.frames, self.channels, *self.size)
        if self.takes_flow:
            return f"torch.randn({shape})"
        return f"torch.randint(0, 256, {shape}, dtype=torch.uint8)"

    def clip(self, batch: int, frames: int) -> torch.Tensor:
        """Return noise (B, T, C, H, W), uint8 or float32; the same for the same B and T."""
        seeded = torch.Generator().manual_seed(1000 * batch + frames)
        shape = (batch, frames, self.channels, *self.size)
        if self.takes_flow:
            return torch.randn(shape, generator=seeded)
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=seeded)


@dataclass(frozen=True)
class Check:
    """The comparison on one clip.

    Attributes:
        shape: shape of the clip, (B, T, C, H, W).
        difference: largest absolute difference of any output.
        largest: largest absolute value among the encoder's outputs.
    """

    shape: tuple[int, ...]
    difference: float
    largest: float


@dataclass(frozen=True)
class Parity:
    """The comparison on all clips.

    Attributes:
        tolerance: the largest difference that was accepted.
        checks: the comparison on each clip.
        longer: the comparison on clips 4 and 16 times as long, for encoders with a memory: their
            rounding errors add up along a clip. It is noted and not held to the tolerance.
    """

    tolerance: float
    checks: tuple[Check, ...]
    longer: tuple[Check, ...] = ()

    @property
    def difference(self) -> float:
        """The largest absolute difference over all clips that are held to the tolerance."""
        return max(check.difference for check in self.checks)

    def growth(self) -> str:
        """Return in words how the difference grows with the length of a clip; "" if unknown."""
        if not self.longer:
            return ""
        each = (f"{check.difference:.1g} on {check.shape[1]} frames" for check in self.longer)
        return f"it grows with the length: {', '.join(each)}"


def outputs(encoder: Encoder, clip: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the outputs of an export: the clip vector, and steps and flow if there are any."""
    features = encoder(clip)
    named = {"clip": features.clip, "steps": features.steps, "flow": features.flow}
    return {name: values for name, values in named.items() if values is not None}


def compare(encoder: Encoder, snippet: Path, plan: Plan) -> Parity:
    """Run the function `encode` of a snippet and the encoder on the same clips.

    Args:
        encoder: the encoder, in evaluation mode and on the CPU.
        snippet: the Python file next to the exported file.
        plan: the clips, and the difference that is accepted.

    Raises:
        InputError: If an output is missing, has another shape, or differs by more than the
            tolerance.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings meant for the developers of the loaders
        encode: Encode = runpy.run_path(str(snippet))["encode"]
        checks = tuple(_check(encoder, encode, plan.clip(*ends)) for ends in plan.checked)
        longer = tuple(
            _check(encoder, encode, plan.clip(1, times * plan.frames))
            for times in (_LONGER if plan.any_length and _remembers(encoder) else ())
        )
    for check in checks:
        # Written with "not ... <=" so that NaN is refused too.
        if not check.difference <= plan.tolerance * min(1.0, check.largest):
            raise InputError(
                f"outputs differ from PyTorch by {check.difference:.2g} on a clip "
                f"{check.shape} with features up to {check.largest:.2g}; "
                f"expected at most {plan.tolerance:g} (see tolerance)"
            )
    return Parity(plan.tolerance, checks, longer)


def _remembers(encoder: Encoder) -> bool:
    """Whether a state is carried along the clip."""
    return any(isinstance(module, Cell) for module in encoder.modules())


def _check(encoder: Encoder, encode: Encode, clip: torch.Tensor) -> Check:
    """Compare the outputs for one clip."""
    with torch.no_grad():
        expected = {name: value.numpy() for name, value in outputs(encoder, clip).items()}
    found = {name: np.asarray(value) for name, value in encode(clip.numpy()).items()}
    if _shapes(found) != _shapes(expected):
        raise InputError(
            f"outputs of a clip {tuple(clip.shape)} are {_shapes(found)}; "
            f"expected {_shapes(expected)}"
        )
    return Check(
        shape=tuple(clip.shape),
        difference=_largest(found[name] - expected[name] for name in expected),
        largest=_largest(expected.values()),
    )


def _shapes(arrays: dict[str, NDArray[np.float32]]) -> dict[str, Sequence[int]]:
    return {name: array.shape for name, array in arrays.items()}


def _largest(arrays: Iterable[NDArray[np.float32]]) -> float:
    """Return the largest absolute value; NaN if there is one, which Python's max may drop."""
    return float(np.max([np.abs(array).max() for array in arrays]))
