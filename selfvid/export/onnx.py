"""The format ``onnx``: one file that onnxruntime runs without PyTorch."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import onnx
import torch

from selfvid.encoders.base import Encoder
from selfvid.export.card import card
from selfvid.export.parity import SNIPPET, Parity, Plan, compare, outputs
from selfvid.export.program import trace

GRAPH = "encoder.onnx"
OPSET = 18  # every onnxruntime since 1.14 can read it
# Bytes of weights in one file: protobuf allows 2 GiB, and the graph needs some of them.
LARGEST_FILE = 1_900_000_000

CODE = '''"""Run encoder.onnx with onnxruntime and numpy. encoder.json describes its outputs."""

from pathlib import Path

import numpy as np
import onnxruntime

HERE = Path(__file__).parent

session = onnxruntime.InferenceSession(
    HERE / "encoder.onnx", providers=["CPUExecutionProvider"]
)
names = [output.name for output in session.get_outputs()]


def encode(clips):
    """Return the features of {takes}."""
    return dict(zip(names, session.run(names, {{"frames": clips}}), strict=True))


if __name__ == "__main__":
    noise = {noise}
    for name, values in encode(noise).items():
        print(name, values.shape)
'''


def write_onnx(encoder: Encoder, folder: Path, plan: Plan) -> Parity:
    """Write ``encoder.onnx`` and its snippet into `folder`, and compare it with PyTorch.

    The card with the result of the comparison is written into the file too.

    Raises:
        InputError: If the outputs differ.
    """
    _convert(encoder, folder / GRAPH, plan)
    code = CODE.format(takes=plan.takes, noise=_noise(plan))
    (folder / SNIPPET).write_text(code)
    parity = compare(encoder, folder / SNIPPET, plan)
    _label(folder / GRAPH, {"selfvid": json.dumps(card(encoder, plan, parity))})
    return parity


def _noise(plan: Plan) -> str:
    """Return the code that makes a clip of noise with numpy."""
    shape = (1, plan.frames, plan.channels, *plan.size)
    if plan.takes_flow:
        return f"np.random.default_rng(0).standard_normal({shape}, dtype=np.float32)"
    return f"np.random.default_rng(0).integers(0, 256, {shape}, dtype=np.uint8)"


def _convert(encoder: Encoder, path: Path, plan: Plan) -> None:
    """Write the graph; weights that are too large for one file are written next to it."""
    weights = sum(tensor.nbytes for tensor in encoder.state_dict().values())
    names = {0: "batch", 1: "time"} if plan.any_length else {0: "batch"}
    program = trace(encoder, plan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings meant for the developers of the converter
        converted = torch.onnx.export(
            program,
            dynamo=True,
            verbose=False,
            # Not "clip": an input and an output of one ONNX graph cannot have the same name.
            input_names=["frames"],
            output_names=list(outputs(encoder, plan.clip(1, plan.frames))),
            dynamic_shapes={"frames": names},
            opset_version=OPSET,
        )
    if converted is None:
        raise RuntimeError("torch.onnx.export returned no program")
    converted.save(path, external_data=weights > LARGEST_FILE)


def _label(path: Path, properties: dict[str, str]) -> None:
    """Write properties into the metadata of an ONNX file."""
    model = onnx.load(path, load_external_data=False)
    onnx.helper.set_model_props(model, properties)
    onnx.save(model, path)
