"""The encoder's contract, and how one is saved to a folder and loaded from it."""

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
    """Where an encoder comes from and what clips it is used to.

    Attributes:
        footage: content ids of the videos it was trained on, with labels or without.
        labelled: those of them whose labels it was taught.
        generated: what made the clips, in words, where they came from no file.
        recipe: SHA-256 of the recipe that trained it, empty if none did.
        size: H and W of the frames it was trained on.
        frames: T of the clips it was trained on.
        stride: frames between neighbouring frames of a clip.
        fps: frames per second of a clip, instead of a stride.
        notes: what else a user should know, such as averaged weights.
    """

    footage: tuple[str, ...] = ()
    labelled: tuple[str, ...] = ()
    generated: str = ""
    recipe: str = ""
    size: tuple[int, int] | None = None
    frames: int | None = None
    stride: int = 1
    fps: float | None = None
    notes: tuple[str, ...] = ()


class Encoder(Recorded, nn.Module, ABC):
    """Maps clips (B, T, 3, H, W), pixels 0 to 255, or clips of flow in pixels, to `Features`.

    Attributes:
        widths: D and C_l of the features, known before any data is seen.
        window: frames that one step sees; a clip must have as many.
        stride: frames between the starts of neighbouring steps.
        one_length: whether clips must have exactly `window` frames.
        in_channels: C of the clips: 3 for pixels; 2 for flow, or 4 with backward behind forward
            fields.
        provenance: where the weights come from.
    """

    widths: Widths
    window: int = 1
    stride: int = 1
    one_length: bool = False
    in_channels: int = 3
    provenance: Provenance = Provenance()

    @abstractmethod
    def forward(self, clip: Tensor) -> Features:
        """Features of a clip (B, T, C, H, W).

        Args:
            clip: pixels as decoded, uint8 or float 0 to 255; or flow in pixels, float.
        """

    def frames_for(self, steps: int) -> int:
        """The number of frames that a clip must have to give so many steps."""
        return (steps - 1) * self.stride + self.window

    def save(self, folder: str | Path) -> Path:
        """Write ``config.json`` and ``model.safetensors``, whole or not at all.

        Raises:
            InputError: where `folder` exists.
        """
        about = {"provenance": dataclasses.asdict(self.provenance)}
        return save_module(self, Path(folder), kind=KIND, about=about)


def load_encoder(folder: str | Path, *, allow: Sequence[str] = ()) -> Encoder:
    """The encoder that was saved in `folder`, in evaluation mode.

    Nothing is downloaded, unpickled or executed.

    Args:
        folder: an encoder's folder, or a run's folder (its ``encoder/`` is taken).
        allow: prefixes of class paths, beside this package's, whose classes may be built.

    Raises:
        InputError: where the folder holds no encoder, or one that does not fit its weights.
    """
    folder = encoder_folder(folder)
    # mypy takes an abstract class for one that shall be made.
    encoder = load_module(folder, kind=KIND, expected=Encoder, allow=allow)  # type: ignore[type-abstract]
    encoder.provenance = read_provenance(folder)
    return encoder


def read_provenance(folder: str | Path) -> Provenance:
    """Where the weights in `folder` come from, without loading them.

    Args:
        folder: an encoder's folder, or a run's folder.

    Raises:
        InputError: where the folder holds no encoder.
    """
    folder = encoder_folder(folder)
    plain = read_config(folder, kind=KIND).get("provenance", {})
    if not isinstance(plain, dict):
        raise InputError(f"{str(folder / CONFIG)!r} is no encoder config: provenance {plain}")
    known = {f.name for f in dataclasses.fields(Provenance)}
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in plain.items()
        if key in known
    }
    return Provenance(**values)


def encoder_folder(folder: str | Path) -> Path:
    """The folder itself, or its ``encoder/`` where it is a run's folder.

    Raises:
        InputError: where neither holds an encoder.
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
    """A hash of what an encoder computes: its construction and every weight and buffer."""
    digest = hashlib.sha256(json.dumps(describe(encoder), sort_keys=True).encode())
    for name, tensor in sorted(encoder.state_dict().items()):
        plain = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {plain.dtype} {plain.shape}".encode())
        digest.update(plain.tobytes())
    return digest.hexdigest()
