"""What the user of an exported encoder has to know, as plain data."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from selfvid import __version__
from selfvid.encoders.base import Encoder
from selfvid.export.parity import SNIPPET, Parity, Plan, compare
from selfvid.saving.recorded import describe

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


CODE = '''"""Run the encoder with selfvid; encoder.json says more."""

from pathlib import Path

import torch

import selfvid

HERE = Path(__file__).parent

encoder = selfvid.load_encoder(HERE / "encoder")


@torch.no_grad()
def encode(clips):
    """Features of RGB clips as decoded, uint8 (B, T, 3, H, W)."""
    features = encoder(torch.as_tensor(clips))
    made = {{"clip": features.clip, "steps": features.steps, "flow": features.flow}}
    return {{name: values for name, values in made.items() if values is not None}}


if __name__ == "__main__":
    noise = torch.randint(0, 256, {example}, dtype=torch.uint8)
    for name, values in encode(noise).items():
        print(name, tuple(values.shape))
'''


def write_native(encoder: Encoder, folder: Path, plan: Plan) -> Parity:
    """Write ``encoder/`` and its snippet into `folder`, and compare.

    Raises:
        InputError: where the outputs differ.
    """
    encoder.save(folder / "encoder")
    code = CODE.format(example=(1, plan.frames, 3, *plan.size))
    (folder / SNIPPET).write_text(code)
    return compare(encoder, folder / SNIPPET, plan)
