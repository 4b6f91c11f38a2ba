"""Features kept on disk: the one store that the probe, the heads and the detector use.

Each file is in the safetensors format. Its header contains a key: a text that names everything the
features depend on. Features that were made in another way have another key and count as missing.
A file is written completely or not at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from selfvid.errors import InputError
from selfvid.saving.whole import replacing, write_whole
from selfvid.types import Features

_KEY = "key"
_MAP = re.compile(r"maps\.(\d+)")
# The names that safetensors headers give to number formats.
_FORMATS = {np.dtype(np.float32): "F32", np.dtype(np.float64): "F64"}
_ALIGNMENT = 8  # bytes: safetensors pads its header so that numbers begin at a multiple of this


class FeatureFile:
    """A file of named tensors, of one video or of one encoder, that can be read in parts.

    Args:
        path: a file that `FeatureStore` wrote.

    Attributes:
        about: what was noted in the header besides the key.
        shapes: the shape of every tensor, by name.
        key: what the features depend on.

    Raises:
        InputError: If there is no such file, or it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with safe_open(path, framework="pt") as file:
                self.about: dict[str, str] = dict(file.metadata() or {})
                self.shapes = {
                    name: tuple(file.get_slice(name).get_shape())
                    for name in file.keys()  # noqa: SIM118  (safetensors has no __iter__)
                }
        except (OSError, SafetensorError) as error:
            raise InputError(f"{str(path)!r} holds no features ({error})") from None
        self.key = self.about.pop(_KEY, "")

    def read(
        self, names: Iterable[str] | None = None, *, rows: slice = slice(None)
    ) -> dict[str, Tensor]:
        """Return some rows of some of the tensors; all of them by default.

        Raises:
            InputError: If a tensor is missing, or the file has become damaged.
        """
        try:
            with safe_open(self.path, framework="pt") as file:
                wanted = self.shapes if names is None else names
                return {name: file.get_slice(name)[rows] for name in wanted}
        except (OSError, SafetensorError) as error:
            raise InputError(f"{str(self.path)!r} cannot be read ({error})") from None


class FeatureStore:
    """A folder of feature files.

    Args:
        folder: the folder; it is made when the first file is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Return the path of the features called `name`, whether they exist or not."""
        return self.folder / f"{name}.safetensors"

    def find(self, name: str, *, key: str = "") -> FeatureFile | None:
        """Return the features called `name`; None if missing, damaged or made with another key."""
        try:
            found = FeatureFile(self.path(name))
        except InputError:
            return None
        return found if found.key == key else None

    def write(
        self,
        name: str,
        tensors: Mapping[str, Tensor],
        *,
        key: str = "",
        about: Mapping[str, str] | None = None,
    ) -> Path:
        """Write tensors in their own number format.

        Args:
            name: name of the features.
            tensors: by name.
            key: what the features depend on.
            about: further notes for the header.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        whole = {each: tensor.cpu().contiguous() for each, tensor in tensors.items()}
        return write_whole(self.path(name), save(whole, metadata={**(about or {}), _KEY: key}))

    def write_blocks(
        self,
        name: str,
        blocks: Iterable[Tensor],
        *,
        tensor: str,
        shape: tuple[int, int],
        others: Mapping[str, NDArray[np.float64]],
        key: str = "",
        about: Mapping[str, str] | None = None,
    ) -> Path:
        """Write a tensor that is computed block by block; one block at a time is in memory.

        Args:
            name: name of the features.
            blocks: float (n, D); their n add up to N.
            tensor: name of the tensor that the blocks make.
            shape: (N, D).
            others: further arrays, by name.
            key: what the features depend on.
            about: further notes for the header.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        shapes: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {
            each: (array.dtype, array.shape) for each, array in others.items()
        }
        shapes[tensor] = (np.dtype(np.float32), shape)
        path = self.path(name)
        with replacing(path) as draft, draft.open("wb") as file:
            file.write(_header(shapes, {**(about or {}), _KEY: key}))
            for array in others.values():
                file.write(np.ascontiguousarray(array).tobytes())
            written = 0
            for block in blocks:
                file.write(block.to("cpu", torch.float32).numpy().tobytes())
                written += len(block)
            if written != shape[0]:
                raise ValueError(f"{written} rows were written, expected {shape[0]}")
        return path


def tensors_of(features: Features) -> dict[str, Tensor]:
    """Return the tensors of `features` by name, without empty ones."""
    maps = features.maps or ()
    named = {
        "clip": features.clip,
        "steps": features.steps,
        "flow": features.flow,
        **{f"maps.{level}": each for level, each in enumerate(maps)},
    }
    return {name: each for name, each in named.items() if each is not None and each.numel()}


def features_of(tensors: Mapping[str, Tensor], *, window: int, stride: int) -> Features:
    """Return the features that `tensors_of` took apart.

    Args:
        tensors: by name; a level of maps that is missing becomes a map without steps.
        window: frames that one step sees.
        stride: frames between the starts of neighbouring steps.
    """
    levels = {int(found[1]): name for name in tensors if (found := _MAP.fullmatch(name))}
    empty = tensors["clip"].new_empty(len(tensors["clip"]), 0, 0, 0, 0)  # (B, S=0, C, H, W)
    maps = tuple(
        tensors[levels[level]] if level in levels else empty
        for level in range(max(levels, default=-1) + 1)
    )
    return Features(
        clip=tensors["clip"],
        steps=tensors.get("steps"),
        flow=tensors.get("flow"),
        maps=maps or None,
        window=window,
        stride=stride,
    )


def joined(parts: Sequence[Features]) -> Features:
    """Return the features of several batches of clips as those of one batch, in order."""
    tensors = [tensors_of(part) for part in parts]
    whole = {name: torch.cat([each[name] for each in tensors]) for name in tensors[0]}
    return features_of(whole, window=parts[0].window, stride=parts[0].stride)


def _header(
    shapes: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]], about: Mapping[str, str]
) -> bytes:
    """Return the header of a safetensors file.

    It is written by hand because the library can only save tensors that are all in memory.
    """
    header: dict[str, Any] = {"__metadata__": dict(about)}
    begin = 0
    for name, (dtype, shape) in shapes.items():
        end = begin + dtype.itemsize * int(np.prod(shape))
        header[name] = {
            "dtype": _FORMATS[dtype],
            "shape": list(shape),
            "data_offsets": [begin, end],
        }
        begin = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text  # 8 bytes of length come first
