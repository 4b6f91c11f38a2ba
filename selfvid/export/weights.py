"""The format ``weights``: the network's weights, for torchvision's own class if there is one."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import indent

from safetensors.torch import save_file
from torch import Tensor, nn

from selfvid.encoders.base import Encoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput, Input, PixelInput
from selfvid.errors import InputError
from selfvid.export.parity import SNIPPET, Parity, Plan, compare
from selfvid.saving.recorded import describe

STATE = "backbone.safetensors"

TORCHVISION_CODE = '''\
"""Load backbone.safetensors into torchvision's own class. encoder.json describes the input."""

from pathlib import Path

import torch
import torchvision
from safetensors.torch import load_file

HERE = Path(__file__).parent

{model}
model.load_state_dict(load_file(HERE / "backbone.safetensors"))
model.eval()


def network_input(clips):
    """Return the network's input (B, S, 3, H, W) for decoded RGB clips, uint8 (B, T, 3, H, W)."""
{prepare}


@torch.no_grad()
def encode(clips):
    """Return one vector per step, and their mean over time, of clips uint8 (B, T, 3, H, W)."""
    frames = network_input(torch.as_tensor(clips))
    steps = model(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
    return {{"clip": steps.mean(1), "steps": steps}}
{main}'''

OUR_CODE = '''"""Load backbone.safetensors into its network, a class of selfvid."""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from selfvid.saving.recorded import build

HERE = Path(__file__).parent

with safe_open(HERE / "backbone.safetensors", "pt") as file:
    parts = build(json.loads(file.metadata()["parts"]))
model, network_input = parts["backbone"].eval(), parts["input"]
model.load_state_dict(load_file(HERE / "backbone.safetensors"))


@torch.no_grad()
def encode(clips):
    """Return one vector per step, and their mean over time, of {takes}."""
    frames = network_input(torch.as_tensor(clips))
    steps = model(frames.flatten(0, 1)).vector.unflatten(0, frames.shape[:2])
    return {{"clip": steps.mean(1), "steps": steps}}
{main}'''

MAIN = """

if __name__ == "__main__":
    noise = {noise}
    for name, values in encode(noise).items():
        print(name, tuple(values.shape))
"""


def write_weights(encoder: Encoder, folder: Path, plan: Plan) -> Parity:
    """Write ``backbone.safetensors`` and its snippet into `folder`, and compare it with PyTorch.

    The weights of a torchvision network have torchvision's names. Other networks are built by
    selfvid, also in the snippet.

    Raises:
        InputError: If the encoder is not a frame encoder, or the outputs differ.
    """
    if not isinstance(encoder, FrameEncoder):
        raise InputError(
            f"format 'weights' is for frame encoders, got {type(encoder).__name__}; "
            "expected format onnx, program or native"
        )
    backbone, input = encoder.backbone, encoder.input
    main = MAIN.format(noise=plan.noise)
    prepare = _preparation(input)
    if backbone.torchvision_code and prepare:
        network: nn.Module = backbone.network
        code = TORCHVISION_CODE.format(
            model=backbone.torchvision_code, prepare=indent(prepare, "    "), main=main
        )
    else:
        network = backbone
        code = OUR_CODE.format(main=main, takes=plan.takes)
    parts = json.dumps({"backbone": describe(backbone), "input": describe(input)})
    save_file(_state(network), folder / STATE, metadata={"format": "pt", "parts": parts})
    (folder / SNIPPET).write_text(code)
    return compare(encoder, folder / SNIPPET, plan)


def _preparation(input: Input) -> str:
    """Return lines of Python that do what `input` does; empty for inputs that are not covered."""
    if type(input) is PixelInput and input.channels == 3:
        return (
            f"mean = torch.tensor({_numbers(input.mean)}).view(3, 1, 1)\n"
            f"deviation = torch.tensor({_numbers(input.deviation)}).view(3, 1, 1)\n"
            "return (clips / 255 - mean) / deviation"
        )
    if type(input) is DifferenceInput and input.channels == 3:
        return f"scaled = clips / 255\nreturn (scaled[:, 1:] - scaled[:, :-1]) / {input.deviation}"
    return ""


def _numbers(tensor: Tensor) -> list[float]:
    """Return values as they were written: 0.485, not the nearest number in float32."""
    return [float(f"{value:.7g}") for value in tensor.flatten().tolist()]


def _state(network: nn.Module) -> dict[str, Tensor]:
    """Return the state dict with contiguous tensors, as safetensors requires."""
    return {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
