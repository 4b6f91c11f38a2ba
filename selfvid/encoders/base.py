"""The encoder's contract, and how one is saved to a folder and loaded from it."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from selfvid import __version__
from selfvid.construction import Recorded, build, describe
from selfvid.errors import InputError
from selfvid.types import Features, Widths

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Where an encoder comes from and what clips it is used to.

    Attributes:
        footage: content ids of the videos it was pretrained on.
        recipe: SHA-256 of the recipe that trained it, empty if none did.
        size: H and W of the frames it was trained on.
        frames: T of the clips it was trained on.
        stride: frames between neighbouring frames of a clip.
        fps: frames per second of a clip, instead of a stride.
        notes: what else a user should know, such as averaged weights.
    """

    footage: tuple[str, ...] = ()
    recipe: str = ""
    size: tuple[int, int] | None = None
    frames: int | None = None
    stride: int = 1
    fps: float | None = None
    notes: tuple[str, ...] = ()


class Encoder(Recorded, nn.Module, ABC):
    """Maps clips (B, T, 3, H, W), pixels 0 to 255, to `Features`.

    Attributes:
        widths: D and C_l of the features, known before any data is seen.
        window: frames that one step sees; a clip must have as many.
        provenance: where the weights come from.
    """

    widths: Widths
    window: int = 1
    provenance: Provenance = Provenance()

    @abstractmethod
    def forward(self, clip: Tensor, lengths: Tensor | None = None) -> Features:
        """Features of a clip (B, T, 3, H, W), uint8 or float 0 to 255.

        Args:
            clip: pixels as decoded.
            lengths: true number of frames of each clip, (B,); None where all are whole.
        """

    def save(self, folder: str | Path) -> Path:
        """Write ``config.json`` and ``model.safetensors``, whole or not at all.

        Raises:
            InputError: where `folder` exists.
        """
        folder = Path(folder)
        if folder.exists():
            raise InputError(f"folder {str(folder)!r} exists; expected a new one")
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            config = {
                "format": FORMAT,
                "selfvid": __version__,
                "encoder": _without_downloads(describe(self)),
                "provenance": dataclasses.asdict(self.provenance),
            }
            (unfinished / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
            state = {name: t.detach().cpu().contiguous() for name, t in self.state_dict().items()}
            save_file(state, unfinished / WEIGHTS)
            unfinished.chmod(0o755)
            unfinished.rename(folder)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        return folder


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
    config = read_config(folder)
    encoder = build(config["encoder"], allow=allow)
    if not isinstance(encoder, Encoder):
        raise InputError(f"{str(folder / CONFIG)!r} describes {type(encoder)}, not an encoder")
    state = read_weights(folder)
    try:
        encoder.load_state_dict(state)
    except RuntimeError as error:
        cause = " ".join(str(error).split())[:200]
        raise InputError(f"weights in {str(folder)!r} do not fit its config: {cause}") from None
    encoder.provenance = _provenance(config.get("provenance", {}))
    return encoder.eval()


def encoder_folder(folder: str | Path) -> Path:
    """The folder itself, or its ``encoder/`` where it is a run's folder.

    Raises:
        InputError: where neither holds an encoder.
    """
    folder = Path(folder)
    for candidate in (folder, folder / "encoder"):
        if (candidate / CONFIG).is_file() and (candidate / WEIGHTS).is_file():
            return candidate
    raise InputError(
        f"{str(folder)!r} holds no encoder; expected a folder with {CONFIG} and {WEIGHTS}, "
        "or a finished run"
    )


def read_config(folder: Path) -> dict[str, Any]:
    """The plain data of ``config.json``.

    Raises:
        InputError: where it is no JSON of a format that is known.
    """
    try:
        config = json.loads((folder / CONFIG).read_text())
    except ValueError as error:
        raise InputError(f"{str(folder / CONFIG)!r} is no JSON: {error}") from None
    known = isinstance(config, dict) and config.get("format") == FORMAT and "encoder" in config
    if not (known and isinstance(config.get("provenance", {}), dict)):
        raise InputError(f"{str(folder / CONFIG)!r} is no encoder config of format {FORMAT}")
    return dict(config)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of ``model.safetensors``.

    Raises:
        InputError: where the file is damaged.
    """
    try:
        return dict(load_file(folder / WEIGHTS))
    except SafetensorError as error:
        raise InputError(f"{str(folder / WEIGHTS)!r} is damaged: {error}") from None


def _provenance(plain: dict[str, Any]) -> Provenance:
    known = {f.name for f in dataclasses.fields(Provenance)}
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in plain.items()
        if key in known
    }
    return Provenance(**values)


def _without_downloads(description: Any) -> Any:
    """The description with every `weights` argument turned to ``random``: ours are saved beside."""
    if isinstance(description, list):
        return [_without_downloads(item) for item in description]
    if not isinstance(description, dict):
        return description
    return {
        key: "random" if key == "weights" and isinstance(value, str) else _without_downloads(value)
        for key, value in description.items()
    }
