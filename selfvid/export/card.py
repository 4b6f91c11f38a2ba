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

ABOUT_PIXELS = {
    "type": "uint8",
    "colour": "RGB, 0 to 255, as decoded; preprocessing is included",
}

CODE = '''"""Run the encoder with selfvid. Its input and outputs are described in encoder.json."""

from pathlib import Path

import torch

import selfvid

HERE = Path(__file__).parent

encoder = selfvid.load_encoder(HERE / "encoder")


@torch.no_grad()
def encode(clips):
    """Return the features of {takes}."""
    features = encoder(torch.as_tensor(clips))
    made = {{"clip": features.clip, "steps": features.steps, "flow": features.flow}}
    return {{name: values for name, values in made.items() if values is not None}}


if __name__ == "__main__":
    noise = {noise}
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
            "frames": ["B", time, plan.channels, *plan.size],
            **(_about_flow(encoder, plan) if plan.takes_flow else ABOUT_PIXELS),
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


def _about_flow(encoder: Encoder, plan: Plan) -> dict[str, Any]:
    """Return what an encoder of flow takes."""
    height, width = plan.size
    about: dict[str, Any] = {
        "type": "float32",
        "flow": f"displacements in pixels of frames of {height}x{width}, x (to the right) before "
        "y (down), as estimated; preprocessing is included. Field t is between frames t and t + 1, "
        "so T fields need T + 1 frames",
        "channels": ["x forward", "y forward"],
        "forward": "frame t + 1 shows at p + flow(p) what frame t shows at p",
        "trained_on": encoder.provenance.flow or "unknown",
    }
    if plan.channels == 4:
        about["channels"] += ["x backward", "y backward"]
        about["backward"] = "frame t shows at p + flow(p) what frame t + 1 shows at p"
    return about


def write_native(encoder: Encoder, folder: Path, plan: Plan) -> Parity:
    """Write ``encoder/`` and its snippet into `folder`, and compare it with PyTorch.

    Raises:
        InputError: If the outputs differ.
    """
    encoder.save(folder / "encoder")
    code = CODE.format(takes=plan.takes, noise=plan.noise)
    (folder / SNIPPET).write_text(code)
    return compare(encoder, folder / SNIPPET, plan)
