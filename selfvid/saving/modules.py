"""Saving a module to a folder and loading it again.

``config.json`` describes how the module is built, ``model.safetensors`` contains its weights.
Loading a module downloads, unpickles and executes nothing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from selfvid import __version__
from selfvid.errors import InputError
from selfvid.saving.loading import bounded_loading
from selfvid.saving.plain_data import check_depth
from selfvid.saving.recorded import build, describe
from selfvid.saving.whole import replacing

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
CHECKSUM = "weights_sha256"  # key of the config; folders of earlier versions lack it
FORMAT = 1  # of config.json; to be increased when older versions cannot read it any more

Saved = TypeVar("Saved", bound=nn.Module)


def save_module(
    module: nn.Module,
    folder: Path,
    *,
    kind: str,
    about: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a module to a folder, completely or not at all.

    Args:
        module: the module to save; it must be `Recorded`.
        folder: the new folder.
        kind: the key of the config under which the module is described, such as ``encoder``.
        about: further plain data for the config.
        overwrite: replace the folder if it exists.

    Raises:
        InputError: If `folder` exists and is not to be replaced, or a weight is not finite.
    """
    if folder.exists() and not overwrite:
        raise InputError(f"folder {str(folder)!r} exists; expected a new one")
    state = {name: t.detach().cpu().contiguous() for name, t in module.state_dict().items()}
    unfit = next((name for name, t in state.items() if not torch.isfinite(t).all()), None)
    if unfit is not None:
        raise InputError(
            f"weights {unfit} of the {kind} for {str(folder)!r} are not finite; expected finite "
            "ones: nothing was written"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing(folder) as draft:
        draft.mkdir()
        save_file(state, draft / WEIGHTS)
        config = {
            "format": FORMAT,
            "selfvid": __version__,
            CHECKSUM: _checksum(draft / WEIGHTS),
            kind: _without_downloads(describe(module)),
            **(about or {}),
        }
        (draft / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
        # safetensors makes its file readable for its owner only.
        shutil.copymode(draft / CONFIG, draft / WEIGHTS)
    return folder


def load_module(
    folder: Path, *, kind: str, expected: type[Saved], allow: Sequence[str] = ()
) -> Saved:
    """Load the module that `save_module` saved in `folder`, in evaluation mode.

    Args:
        folder: the folder of the module.
        kind: the key of the config under which the module is described.
        expected: class that the module must be an instance of.
        allow: prefixes of class paths outside this package whose classes may be built.

    Raises:
        InputError: If the folder contains no such module, if its weights do not fit, or if they
            are not those that were saved.
    """
    described = _without_downloads(read_config(folder, kind=kind)[kind])
    with bounded_loading((folder / WEIGHTS).stat().st_size):
        module = build(described, allow=allow)
    if not isinstance(module, expected):
        article = "an" if kind[0] in "aeiou" else "a"
        raise InputError(f"{str(folder / CONFIG)!r} describes {type(module)}, not {article} {kind}")
    weights = read_weights(folder)
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        cause = " ".join(str(error).split())[:200]
        raise InputError(f"weights in {str(folder)!r} do not fit its config: {cause}") from None
    return module.eval()


def holds_module(folder: Path) -> bool:
    """Whether the folder contains both files of a saved module."""
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def read_config(folder: Path, *, kind: str) -> dict[str, Any]:
    """Return the plain data of ``config.json``.

    Raises:
        InputError: If the file is not JSON, or has another format or kind.
    """
    try:
        config = json.loads((folder / CONFIG).read_text())
    except RecursionError:
        raise InputError(f"{str(folder / CONFIG)!r} is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{str(folder / CONFIG)!r} is no JSON: {error}") from None
    if not (isinstance(config, dict) and config.get("format") == FORMAT and kind in config):
        raise InputError(f"{str(folder / CONFIG)!r} is no {kind} config of format {FORMAT}")
    check_depth(config, what=repr(str(folder / CONFIG)))
    return dict(config)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Return the tensors of ``model.safetensors``.

    Raises:
        InputError: If the file is damaged, or does not have the checksum in ``config.json``.
    """
    expected = json.loads((folder / CONFIG).read_text()).get(CHECKSUM)
    if expected is not None and _checksum(folder / WEIGHTS) != expected:
        raise InputError(
            f"{str(folder / WEIGHTS)!r} is damaged: its checksum is not the one that {CONFIG} has"
        )
    try:
        return dict(load_file(folder / WEIGHTS))
    except SafetensorError as error:
        raise InputError(f"{str(folder / WEIGHTS)!r} is damaged: {error}") from None


def _checksum(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _without_downloads(description: Any) -> Any:
    """Return the description with ``random`` for every `weights` argument.

    The weights are saved next to the description, so nothing has to be downloaded again.
    """
    if isinstance(description, list):
        return [_without_downloads(item) for item in description]
    if not isinstance(description, dict):
        return description
    return {
        key: "random" if key == "weights" and isinstance(value, str) else _without_downloads(value)
        for key, value in description.items()
    }
