"""The format ``program``: a `torch.export` program, which PyTorch runs without this package."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from selfvid.encoders.base import Encoder
from selfvid.export.card import card
from selfvid.export.parity import SNIPPET, Parity, Plan, compare, outputs

PROGRAM = "encoder.pt2"

CODE = '''"""Run encoder.pt2 with PyTorch. Its input and outputs are described in encoder.json."""

from pathlib import Path

import torch

HERE = Path(__file__).parent
NAMES = {names}

encoder = torch.export.load(HERE / "encoder.pt2").module()


@torch.no_grad()
def encode(clips):
    """Return the features of {takes}."""
    return dict(zip(NAMES, encoder(torch.as_tensor(clips)), strict=True))


if __name__ == "__main__":
    noise = {noise}
    for name, values in encode(noise).items():
        print(name, tuple(values.shape))
'''


class VectorsOnly(nn.Module):
    """An encoder whose outputs are a plain tuple of tensors, as exporters need them."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, frames: Tensor) -> tuple[Tensor, ...]:
        """Return the clip vector (B, D), then step vectors (B, S, D) and flow if there are any."""
        return tuple(outputs(self.encoder, frames).values())


def trace(encoder: Encoder, plan: Plan) -> ExportedProgram:
    """Return the graph of an encoder for any B, and for any T if the plan says so.

    Raises:
        Exception: If the graph depends on T; torch.export raises exceptions of several types.
    """
    free = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC} if plan.any_length else {0: Dim.DYNAMIC}
    clip = plan.clip(2, plan.frames)
    # Without this, sizes that an earlier trace in this process fixed would be fixed here too.
    torch.compiler.reset()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings meant for the developers of torch.export
        return torch.export.export(VectorsOnly(encoder), (clip,), dynamic_shapes={"frames": free})


def write_program(encoder: Encoder, folder: Path, plan: Plan) -> Parity:
    """Write ``encoder.pt2`` and its snippet into `folder`, and compare it with PyTorch.

    Raises:
        InputError: If the outputs differ.
    """
    program = trace(encoder, plan)
    about = json.dumps(card(encoder, plan))
    torch.export.save(program, folder / PROGRAM, extra_files={"encoder.json": about})
    code = CODE.format(
        names=list(outputs(encoder, plan.clip(1, plan.frames))),
        takes=plan.takes,
        noise=plan.noise,
    )
    (folder / SNIPPET).write_text(code)
    return compare(encoder, folder / SNIPPET, plan)
