"""Pictures of the gates of recurrent networks along clips that a classifier was tested on."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from selfvid.data.clips.crops import Crop
from selfvid.data.clips.dataset import ClipDataset
from selfvid.encoders.base import Encoder
from selfvid.encoders.crops import cuts_input, on_crops
from selfvid.finetuning.classifier import Classifier
from selfvid.pictures import Picture, flow_in_colour, gates, write_png
from selfvid.recurrent import Cell, LayerGates, observed_gates
from selfvid.types import ClipBatch

_SHOWN = 3  # test videos with pictures: enough to compare a few in the report
_MEANINGS = {
    "forget": "forget gate: how much of the memory is kept (bright: all)",
    "input": "input gate: how much enters",
    "output": "output gate: how much is put out",
    "update": "update gate: how much of the state is replaced (bright: all)",
    "reset": "reset gate: how much of the state the candidate sees",
}
# Parts of a cell's name in its network that say nothing about its place, or only its direction.
_SILENT = {"cell", "layers", "forwards", "backwards"}


def write_gate_pictures(
    classifier: Classifier, clips: ClipDataset, folder: Path, *, crop: Crop | None, step: int
) -> None:
    """Write pictures of the gates along the middle clip of each of the first test videos.

    No video is decoded for a classifier without recurrent layers.

    Args:
        classifier: in evaluation mode, on the CPU.
        clips: the clips of the test, one item for each video.
        folder: the folder of pictures.
        crop: cuts the views of the test; the first one is drawn.
        step: number of training steps, for the names of the files.
    """
    if not any(isinstance(module, Cell) for module in classifier.modules()):
        return
    for place in range(min(_SHOWN, len(clips))):
        tested = clips[place].clips
        clip = ClipBatch.of([tested[len(tested) // 2]]).clip()  # (1, T, C, H, W)
        for network, picture in gate_pictures(classifier, clip, crop).items():
            write_png(picture, folder / f"{network}_gates_of_video_{place + 1}-{step:08d}.png")


@torch.no_grad()
def gate_pictures(classifier: Classifier, clip: Tensor, crop: Crop | None) -> dict[str, Picture]:
    """Draw the gates of all recurrent layers while a clip is classified.

    The frames above the gates are those that the network sees: the first view of the test. A step
    that sees several frames is drawn below the last of them. Flow is drawn in colour; a stack of
    fields by its first field.

    A run of a single step is not drawn. If a network runs along several sequences of the clip, such
    as patches or windows, the first sequence is drawn.

    Args:
        classifier: in evaluation mode.
        clip: one clip as decoded, (1, T, C, H, W): pixels, or flow in pixels.
        crop: cuts the views of a test; None takes whole frames.

    Returns:
        A picture for the encoder, the head, or both: those that have gates.
    """
    cut: list[Tensor] = []

    def first_view(x: Tensor) -> Tensor:
        assert crop is not None
        cut.append(crop.views(x)[:1])  # views are clip by clip, and there is one clip
        return cut[-1]

    # Observers would make a compiled network compile again.
    with observed_gates(classifier) as found, torch.compiler.set_stance("force_eager"):
        on_crops(classifier, clip, None if crop is None else first_view)
    (seen,) = clip if crop is None else cut[0]  # (T, C, h, w), or stacks (S, 2 L, h, w)
    stacked = crop is not None and cuts_input(classifier.encoder)
    runs: dict[str, dict[str, LayerGates]] = {}
    for name, layer in found.items():
        runs.setdefault(_owner(classifier, name), {})[name] = layer
    pictures = {}
    for owner, layers in runs.items():
        module = classifier.get_submodule(owner)
        encoder = module if isinstance(module, Encoder) else classifier.encoder
        steps = _steps(next(iter(layers.values())))
        shown = seen[:steps] if stacked else _of_steps(seen, encoder, steps)
        drawn = {
            _layer_name(name.removeprefix(f"{owner}."), layer): {
                _MEANINGS.get(gate, gate): values[0] for gate, values in layer.values.items()
            }
            for name, layer in layers.items()
            if _steps(layer) == len(shown)
        }
        if steps > 1 and drawn:
            pictures[owner.replace(".", "_")] = _picture(shown, drawn)
    return pictures


def _picture(shown: Tensor, layers: dict[str, dict[str, Tensor]]) -> Picture:
    """Draw gates below what each step sees: pixels (S, 3, h, w) or flow (S, 2 or more, h, w)."""
    if shown.shape[1] == 3:
        return gates(shown, layers)
    fields = flow_in_colour(shown[:, :2])
    return gates(fields, layers, caption="flow (hue: direction, white: none)")


def _owner(classifier: nn.Module, name: str) -> str:
    """Return the name of the innermost encoder that contains the cell `name`, or of the head."""
    parts = name.split(".")
    prefixes = [".".join(parts[:end]) for end in range(1, len(parts))]
    encoders = [each for each in prefixes if isinstance(classifier.get_submodule(each), Encoder)]
    return encoders[-1] if encoders else parts[0]


def _layer_name(name: str, layer: LayerGates) -> str:
    """Name a layer by the name of its cell and by its direction: lstm layer 2, forward."""
    words = [
        f"layer {int(part) + 1}" if part.isdecimal() else part
        for part in name.split(".")
        if part not in _SILENT
    ]
    return f"{' '.join(words)}, {'backward' if layer.backward else 'forward'}".lstrip(", ")


def _steps(layer: LayerGates) -> int:
    return next(iter(layer.values.values())).shape[1]


def _of_steps(clip: Tensor, encoder: Encoder, steps: int) -> Tensor:
    """Return the frame or field (S, C, h, w) of a clip (T, C, h, w) that each step is drawn by."""
    offset = encoder.window - 1
    if clip.shape[1] != 3:
        # A stack both ways has its forward fields in its second half.
        offset = encoder.window // 2 if clip.shape[1] == 4 else 0
    return clip[offset :: encoder.stride][:steps]
