"""The card of an exported encoder (encoder.json), and the native format."""

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

CODE = '''"""Run the encoder with selfvid. Its input and outputs are described in encoder.json."""

from pathlib import Path

import torch

import selfvid

HERE = Path(__file__).parent

encoder = selfvid.load_encoder(HERE / "encoder")


@torch.no_grad()
def encode(clips):
    """Return the features of decoded RGB clips, uint8 (B, T, 3, H, W)."""
    features = encoder(torch.as_tensor(clips))
    made = {{"clip": features.clip, "steps": features.steps, "flow": features.flow}}
    return {{name: values for name, values in made.items() if values is not None}}


if __name__ == "__main__":
    noise = torch.randint(0, 256, {example}, dtype=torch.uint8)
    for name, values in encode(noise).items():
        print(name, tuple(values.shape))
'''


def card(encoder: Encoder, plan: Plan, parity: Parity | None = None) -> dict[str, Any]:
    """Return what the user of an export needs to know, as plain data.

    This is the shape of the input and of the outputs, the encoder's construction and provenance,
    and the comparison with PyTorch if `parity` is given.
    """
    time = "T" if plan.any_length else plan.frames
    steps = "S" if plan.any_length else (plan.frames - plan.window) // plan.stride + 1
    outputs: dict[str, Any] = {"clip": ["B", encoder.widths.clip]}
    if encoder.widths.steps is not None:
        outputs["steps"] = ["B", steps, encoder.widths.steps]
    if encoder.widths.flow:
        outputs["flow"] = ["B", steps, 2, *plan.size]
    about = {
        "input": {
            "frames": ["B", time, 3, *plan.size],
            "type": "uint8",
            "colour": "RGB, 0 to 255, as decoded; preprocessing is included",
            "least_frames": plan.shortest,
        },
        "outputs": outputs,
        "step": {"window": plan.window, "stride": plan.stride},
        "encoder": describe(encoder),
        "provenance": dataclasses.asdict(encoder.provenance),
        "selfvid": __version__,
        "torch": torch.__version__,
    }
    if parity is not None:
        about["parity"] = dataclasses.asdict(parity) | {"difference": parity.difference}
    return about


def write_native(encoder: Encoder, folder: Path, plan: Plan) -> Parity:
    """Write ``encoder/`` and its snippet into `folder`, and compare it with PyTorch.

    Raises:
        InputError: If the outputs differ.
    """
    encoder.save(folder / "encoder")
    code = CODE.format(example=(1, plan.frames, 3, *plan.size))
    (folder / SNIPPET).write_text(code)
    return compare(encoder, folder / SNIPPET, plan)
