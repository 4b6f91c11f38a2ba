"""The base class of encoders, and functions that load an encoder from a folder."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from selfvid.errors import InputError
from selfvid.saving.loading import is_loading
from selfvid.saving.modules import (
    CONFIG,
    WEIGHTS,
    holds_module,
    load_module,
    read_config,
    save_module,
)
from selfvid.saving.recorded import Recorded, describe
from selfvid.types import Features, Widths

KIND = "encoder"


@dataclasses.dataclass(frozen=True)
class Provenance:
    """What an encoder was trained on: its videos and the settings of its clips.

    Attributes:
        footage: content ids of the videos it was trained on, with labels or without.
        labelled: content ids of those videos whose labels were used in training.
        generated: a description of the program that generated the clips, if they were not read
            from files.
        recipe: SHA-256 of the recipe that trained it, empty if none did.
        size: H and W of the frames it was trained on.
        frames: T of the clips it was trained on.
        stride: distance between neighbouring frames of a clip, in frames of the video.
        fps: frames per second of a clip, instead of a stride.
        flow: estimator of the optical flow it was trained on, with its settings; empty for pixels.
        notes: further remarks for users, such as that weights were averaged.
    """

    footage: tuple[str, ...] = ()
    labelled: tuple[str, ...] = ()
    generated: str = ""
    recipe: str = ""
    size: tuple[int, int] | None = None
    frames: int | None = None
    stride: int = 1
    fps: float | None = None
    flow: str = ""
    notes: tuple[str, ...] = ()


class Encoder(Recorded, nn.Module, ABC):
    """Maps clips (B, T, C, H, W) to `Features`.

    Clips are pixels from 0 to 255 (C = 3) or optical flow in pixels (C = 2 or 4).

    Attributes:
        widths: D and C_l of the features, available before any data is processed.
        window: number of frames that one step sees; a clip must have at least as many.
        stride: frames between the starts of neighbouring steps.
        one_length: whether clips must have exactly `window` frames.
        in_channels: C of the clips: 3 for pixels, 2 for flow, 4 for forward flow followed by
            backward flow.
        provenance: what the weights were trained on.
    """

    widths: Widths
    window: int = 1
    stride: int = 1
    one_length: bool = False
    in_channels: int = 3
    provenance: Provenance = Provenance()

    @abstractmethod
    def forward(self, clip: Tensor) -> Features:
        """Compute the features of a clip (B, T, C, H, W).

        Args:
            clip: pixels as decoded, uint8 or float from 0 to 255; or flow in pixels, float.
        """

    def frames_for(self, steps: int) -> int:
        """Return the number of frames T that a clip needs to give `steps` steps."""
        return (steps - 1) * self.stride + self.window

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write ``config.json`` and ``model.safetensors``; no partial folder is ever left.

        Args:
            folder: the new folder.
            overwrite: replace the folder if it exists.

        Raises:
            InputError: If `folder` exists and is not to be replaced, or a weight is not finite.
        """
        about = {"provenance": dataclasses.asdict(self.provenance)}
        return save_module(self, Path(folder), kind=KIND, about=about, overwrite=overwrite)


def load_encoder(folder: str | Path, *, allow: Sequence[str] = ()) -> Encoder:
    """Load the encoder that was saved in `folder`, in evaluation mode.

    Nothing is downloaded, unpickled or executed.

    Args:
        folder: the folder of an encoder, or the folder of a run (its ``encoder/`` is used).
        allow: prefixes of class paths, beside this package's, whose classes may be built.

    Raises:
        InputError: If the folder has no encoder, or one whose weights do not fit its config.
    """
    if is_loading():
        raise InputError(f"{str(folder)!r} is not opened while another folder is loaded")
    folder = encoder_folder(folder)
    # mypy rejects an abstract class as an argument, because it expects it to be instantiated.
    encoder = load_module(folder, kind=KIND, expected=Encoder, allow=allow)  # type: ignore[type-abstract]
    encoder.provenance = read_provenance(folder)
    return encoder


def read_provenance(folder: str | Path) -> Provenance:
    """Read what the weights in `folder` were trained on, without loading them.

    Args:
        folder: the folder of an encoder, or the folder of a run.

    Raises:
        InputError: If the folder has no encoder.
    """
    folder = encoder_folder(folder)
    plain = read_config(folder, kind=KIND).get("provenance", {})
    if not isinstance(plain, dict):
        raise InputError(f"{str(folder / CONFIG)!r} is no encoder config: provenance {plain}")
    names = {f.name for f in dataclasses.fields(Provenance)}
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in plain.items()
        if key in names
    }
    return Provenance(**values)


def encoder_folder(folder: str | Path) -> Path:
    """Return the folder itself, or its subfolder ``encoder/`` if it is the folder of a run.

    Raises:
        InputError: If neither has an encoder.
    """
    folder = Path(folder)
    for candidate in (folder, folder / "encoder"):
        if holds_module(candidate):
            return candidate
    raise InputError(
        f"{str(folder)!r} holds no encoder; expected a folder with {CONFIG} and {WEIGHTS}, "
        "or a finished run"
    )


def fingerprint(encoder: Encoder) -> str:
    """Return a hash of the encoder's construction and of all its weights and buffers.

    Two encoders with the same fingerprint compute the same features.
    """
    digest = hashlib.sha256(json.dumps(describe(encoder), sort_keys=True).encode())
    for name, tensor in sorted(encoder.state_dict().items()):
        plain = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {plain.dtype} {plain.shape}".encode())
        digest.update(plain.tobytes())
    return digest.hexdigest()
