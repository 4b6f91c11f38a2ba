"""Features kept on disk: the one store of everything that encoders have computed.

Each file is safetensors, and says in its head what its features depend on (its key): a file that
was made in another way counts as missing. Files are there whole or not at all.
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

_MAP = re.compile(r"maps\.(\d+)")
_KEY = "key"
# How the head of a safetensors file names the types of numbers.
_KINDS = {np.dtype(np.float32): "F32", np.dtype(np.float64): "F64"}


class FeatureFile:
    """Named tensors of one video, or of one encoder, read in parts.

    Args:
        path: a file that `FeatureStore` wrote.

    Attributes:
        about: what the writer noted beside the key.
        shapes: of every tensor, by name.

    Raises:
        InputError: where there is no such file, or it is damaged.
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
        """Some rows of some of the tensors; all of them by default.

        Raises:
            InputError: where one is not there, or the file has become damaged.
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
        folder: where the files lie; made when the first is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where the features called `name` lie, or would lie."""
        return self.folder / f"{name}.safetensors"

    def find(self, name: str, *, key: str = "") -> FeatureFile | None:
        """The features of that name; None where they are missing, damaged or of another key."""
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
        """Keep tensors in the number format that they have."""
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
        """Keep a tensor that is made block by block; only one block is in memory at a time.

        Args:
            name: of the file.
            blocks: float (n, D) whose n add up to N.
            tensor: what the tensor is called in the file.
            shape: (N, D).
            others: arrays that are kept beside it.
            key: what the features depend on.
            about: further notes.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        shapes: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {
            each: (array.dtype, array.shape) for each, array in others.items()
        }
        shapes[tensor] = (np.dtype(np.float32), shape)
        path = self.path(name)
        with replacing(path) as draft, draft.open("wb") as file:
            file.write(_head(shapes, {**(about or {}), _KEY: key}))
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
    """The tensors that features are made of, by name; empty ones left out."""
    maps = features.maps or ()
    named = {
        "clip": features.clip,
        "steps": features.steps,
        "flow": features.flow,
        **{f"maps.{level}": each for level, each in enumerate(maps)},
    }
    return {name: each for name, each in named.items() if each is not None and each.numel()}


def features_of(tensors: Mapping[str, Tensor], *, window: int, stride: int) -> Features:
    """The reverse of `tensors_of`: maps that were left out have no steps."""
    levels = {int(found[1]): name for name in tensors if (found := _MAP.fullmatch(name))}
    nothing = tensors["clip"].new_empty(len(tensors["clip"]), 0, 0, 0, 0)
    maps = tuple(
        tensors[levels[level]] if level in levels else nothing
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
    """Features of some clips and others as those of all, in order."""
    tensors = [tensors_of(part) for part in parts]
    whole = {name: torch.cat([each[name] for each in tensors]) for name in tensors[0]}
    return features_of(whole, window=parts[0].window, stride=parts[0].stride)


def _head(
    shapes: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]], about: Mapping[str, str]
) -> bytes:
    """What stands before the numbers: the library wants all of them in memory, the format not."""
    head: dict[str, Any] = {"__metadata__": dict(about)}
    begin = 0
    for name, (dtype, shape) in shapes.items():
        end = begin + dtype.itemsize * int(np.prod(shape))
        head[name] = {"dtype": _KINDS[dtype], "shape": list(shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
