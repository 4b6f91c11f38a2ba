"""What the user of an exported encoder has to know, as plain data."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from selfvid import __version__
from selfvid.saving.recorded import describe
from selfvid.encoders.base import Encoder
from selfvid.export.parity import Parity, Plan

CARD = "encoder.json"


def card(encoder: Encoder, plan: Plan, parity: Parity | None = None) -> dict[str, Any]:
    """Input, outputs, origin and, where it is known, how near the export is to PyTorch."""
    time = "T" if plan.any_length else plan.frames
    steps = "S" if plan.any_length else (plan.frames - plan.window) // plan.stride + 1
    made: dict[str, Any] = {"clip": ["B", encoder.widths.clip]}
    if encoder.widths.steps is not None:
        made["steps"] = ["B", steps, encoder.widths.steps]
    if encoder.widths.flow:
        made["flow"] = ["B", steps, 2, *plan.size]
    about = {
        "input": {
            "frames": ["B", time, 3, *plan.size],
            "type": "uint8",
            "colour": "RGB, 0 to 255, as decoded; preprocessing is inside",
            "least_frames": plan.shortest,
        },
        "outputs": made,
        "step": {"window": plan.window, "stride": plan.stride},
        "encoder": describe(encoder),
        "provenance": dataclasses.asdict(encoder.provenance),
        "selfvid": __version__,
        "torch": torch.__version__,
    }
    if parity is not None:
        about["parity"] = dataclasses.asdict(parity) | {"difference": parity.difference}
    return about
