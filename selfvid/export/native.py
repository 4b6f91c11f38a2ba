"""The encoder's own folder, for those who have this package."""

from __future__ import annotations

from pathlib import Path

from selfvid.encoders.base import Encoder
from selfvid.export.parity import SNIPPET, Parity, Plan, compare

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
