"""Vectors of a long video's clips in one file, written as they come and read in parts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from selfvid.errors import InputError
from selfvid.saving.whole import replacing

_BLOCK = 1024
_TIMES, _SPANS, _VECTORS = "times", "spans", "vectors"


class ClipFeatures:
    """The vectors of one video's clips on disk.

    Args:
        path: a file that `write_clip_features` wrote.

    Attributes:
        clips: how many there are.
        width: D.
        times: seconds of each frame of each clip, float64 (clips, T).
        spans: seconds at which each clip begins and is over, float64 (clips, 2).
        about: what the writer noted.

    Raises:
        InputError: where it is no such file, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with safe_open(path, "np") as file:
                self.times: NDArray[np.float64] = file.get_tensor(_TIMES)
                self.spans: NDArray[np.float64] = file.get_tensor(_SPANS)
                self.clips, self.width = file.get_slice(_VECTORS).get_shape()
                self.about: dict[str, str] = file.metadata() or {}
        except (SafetensorError, OSError, ValueError) as error:
            raise InputError(f"{str(path)!r} holds no features of clips ({error})") from None

    def read(self, first: int, count: int) -> Tensor:
        """Vectors `first` to `first + count`, float32 (count, D)."""
        with safe_open(self.path, "pt") as file:
            part: Tensor = file.get_slice(_VECTORS)[first : first + count]
        return part

    def blocks(self) -> Iterator[Tensor]:
        """All vectors, in parts of bounded size."""
        return (self.read(first, _BLOCK) for first in range(0, self.clips, _BLOCK))


def write_clip_features(
    path: Path,
    vectors: Iterable[Tensor],
    *,
    width: int,
    times: NDArray[np.float64],
    spans: NDArray[np.float64],
    about: Mapping[str, str],
) -> None:
    """Write a safetensors file, whole or not at all; only one block of vectors is held at a time.

    Args:
        path: the file.
        vectors: blocks (n, D) whose n add up to the number of clips.
        width: D.
        times: seconds of each frame of each clip, (clips, T).
        spans: seconds at which each clip begins and is over, (clips, 2).
        about: notes for the file's head.
    """
    with replacing(path) as draft, draft.open("wb") as file:
        file.write(_head(times, spans, width, about))
        file.write(times.astype("<f8").tobytes())
        file.write(spans.astype("<f8").tobytes())
        written = 0
        for block in vectors:
            file.write(block.to("cpu", torch.float32).numpy().astype("<f4").tobytes())
            written += len(block)
        if written != len(times):
            raise ValueError(f"{written} vectors for {len(times)} clips")


def _head(
    times: NDArray[np.float64], spans: NDArray[np.float64], width: int, about: Mapping[str, str]
) -> bytes:
    """What stands before the numbers: the library wants all of them in memory, the format not."""
    shapes = {
        _TIMES: ("F64", 8, times.shape),
        _SPANS: ("F64", 8, spans.shape),
        _VECTORS: ("F32", 4, (len(times), width)),
    }
    head: dict[str, Any] = {"__metadata__": dict(about)}
    begin = 0
    for name, (kind, size, shape) in shapes.items():
        end = begin + size * int(np.prod(shape))
        head[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
