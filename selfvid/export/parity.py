"""Comparing what was exported with the PyTorch encoder, through the snippet handed out with it."""

from __future__ import annotations

import runpy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from selfvid.encoders.base import Encoder
from selfvid.errors import InputError

SNIPPET = "use_encoder.py"

Encode = Callable[[NDArray[np.uint8]], dict[str, NDArray[np.float32]]]


@dataclass(frozen=True)
class Plan:
    """The clips that an export is made for.

    Attributes:
        frames: T of the clip that is traced.
        size: H and W of every clip.
        window: frames that one step of the encoder sees.
        stride: frames between the starts of neighbouring steps.
        any_length: whether T may differ from `frames`.
        tolerance: largest difference that is accepted; for features all smaller than 1 it is
            taken relative to the largest of them, so that small features prove something too.
    """

    frames: int
    size: tuple[int, int]
    window: int
    stride: int
    any_length: bool
    tolerance: float

    @property
    def shortest(self) -> int:
        """Least T of a clip; a traced clip never has a single step, which tracing treats apart."""
        return self.window + self.stride if self.any_length else self.frames

    @property
    def checked(self) -> tuple[tuple[int, int], ...]:
        """B and T of the clips that are compared: the traced one, a smaller and a larger."""
        longer = self.frames + 3 if self.any_length else self.frames
        return (2, self.frames), (1, self.shortest), (3, longer)

    @property
    def spelled(self) -> str:
        """The shape of a clip as a reader of a snippet wants it."""
        time = "T" if self.any_length else self.frames
        clip = f"(B, {time}, 3, {self.size[0]}, {self.size[1]})"
        return f"{clip}, T at least {self.shortest}" if self.any_length else clip

    def clip(self, batch: int, frames: int) -> torch.Tensor:
        """Repeatable noise, uint8 (B, T, 3, H, W)."""
        seeded = torch.Generator().manual_seed(1000 * batch + frames)
        shape = (batch, frames, 3, *self.size)
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=seeded)


@dataclass(frozen=True)
class Check:
    """One comparison.

    Attributes:
        shape: of the clip, (B, T, 3, H, W).
        difference: largest absolute difference of any output.
        largest: largest absolute value among the encoder's outputs.
    """

    shape: tuple[int, ...]
    difference: float
    largest: float


@dataclass(frozen=True)
class Parity:
    """What the comparison found.

    Attributes:
        tolerance: what was accepted.
        checks: one for each clip.
    """

    tolerance: float
    checks: tuple[Check, ...]

    @property
    def difference(self) -> float:
        """Largest absolute difference over all clips."""
        return max(check.difference for check in self.checks)


def outputs(encoder: Encoder, clip: torch.Tensor) -> dict[str, torch.Tensor]:
    """What an export hands out: the clip vector, and steps and flow where there are any."""
    features = encoder(clip)
    made = {"clip": features.clip}
    if features.steps is not None:
        made["steps"] = features.steps
    if features.flow is not None:
        made["flow"] = features.flow
    return made


def compare(encoder: Encoder, snippet: Path, plan: Plan) -> Parity:
    """Run the `encode` of a snippet and the encoder on the same clips.

    Args:
        encoder: in evaluation mode, on the CPU.
        snippet: the Python file that was just written beside the exported one.
        plan: which clips, and what difference is accepted.

    Raises:
        InputError: where an output is missing, misshapen or further off than the tolerance.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what loaders say to their own authors
        encode: Encode = runpy.run_path(str(snippet))["encode"]
        checks = tuple(_check(encoder, encode, plan.clip(*ends)) for ends in plan.checked)
    for check in checks:
        # A NaN must fail, so the question is whether it is within, not whether it is beyond.
        if not check.difference <= plan.tolerance * min(1.0, check.largest):
            raise InputError(
                f"outputs differ from PyTorch by {check.difference:.2g} on a clip "
                f"{check.shape} with features up to {check.largest:.2g}; "
                f"expected at most {plan.tolerance:g} (see tolerance)"
            )
    return Parity(plan.tolerance, checks)


def _check(encoder: Encoder, encode: Encode, clip: torch.Tensor) -> Check:
    with torch.no_grad():
        wanted = {name: value.numpy() for name, value in outputs(encoder, clip).items()}
    found = {name: np.asarray(value) for name, value in encode(clip.numpy()).items()}
    if _shapes(found) != _shapes(wanted):
        raise InputError(
            f"outputs of a clip {tuple(clip.shape)} are {_shapes(found)}; "
            f"expected {_shapes(wanted)}"
        )
    return Check(
        shape=tuple(clip.shape),
        difference=_largest(found[name] - wanted[name] for name in wanted),
        largest=_largest(wanted.values()),
    )


def _shapes(arrays: dict[str, NDArray[np.float32]]) -> dict[str, Sequence[int]]:
    return {name: array.shape for name, array in arrays.items()}


def _largest(arrays: object) -> float:
    # numpy's maximum hands NaN on, where Python's max may drop it.
    return float(np.max([np.abs(array).max() for array in arrays]))  # type: ignore[attr-defined]
