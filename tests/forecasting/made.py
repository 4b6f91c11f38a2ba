"""Frames and forecasts made by hand."""

from __future__ import annotations

import torch
from torch import Tensor

from selfvid.data.digits.glyphs import load_glyphs
from selfvid.data.digits.moving_digits import DIRECTIONS, drift
from selfvid.objectives.predictive import Forecast


def noise(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def drifting(direction: str, *, frames: int = 8, speed: float = 2.0) -> Tensor:
    """Two digits that never reach a border, (2, T, 1, 64, 64) in 0..1."""
    made = drift(
        load_glyphs("sklearn", split="test"),
        torch.tensor([3, 4]),
        starts=torch.full((2, 2), 20.0, dtype=torch.float64),
        directions=torch.full((2,), list(DIRECTIONS).index(direction)),
        frames=frames,
        canvas=64,
        speed=speed,
    )
    return made.frames / 255


def forecast_of(frames: Tensor, future: int, *, free: bool = True) -> Forecast:
    return Forecast(frames, torch.zeros_like(frames[:, -future:]), free=free)


def a_forecast(seed: int = 0, *, sequences: int = 5) -> Forecast:
    generator = torch.Generator().manual_seed(seed)
    frames = torch.rand(sequences, 6, 1, 8, 8, generator=generator)
    return Forecast(frames, torch.rand(sequences, 2, 1, 8, 8, generator=generator), free=True)
