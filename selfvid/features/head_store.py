"""Features kept on disk, one file for each video."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from selfvid.data.manifest.rows import Row, file_name, segment_id
from selfvid.errors import InputError
from selfvid.types import Features
from selfvid.saving.whole import write_whole

_MAP = re.compile(r"maps\.(\d+)")


@dataclass(frozen=True)
class Shelf:
    """Features of the clips of some videos, in the number format that the encoder left them in.

    Attributes:
        folder: where the files lie.
        names: of the tensors that are of interest, as `tensors_of` gives them.
        draws: how often the clips of each video were drawn.
    """

    folder: Path
    names: tuple[str, ...]
    draws: int = 1

    def holds(self, row: Row) -> bool:
        """Whether the features of a video are there."""
        return self._path(row).is_file()

    def write(self, row: Row, features: Features) -> None:
        """Keep the features of all draws of a video, one behind the other; whole or not at all."""
        whole = {name: tensor.cpu().contiguous() for name, tensor in tensors_of(features).items()}
        about = {"window": str(features.window), "stride": str(features.stride)}
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._path(row), save(whole, metadata=about))

    def read(self, row: Row, draw: int = 0) -> Features:
        """The features of the clips of one draw.

        Raises:
            InputError: where they are not there, or damaged.
        """
        path = self._path(row)
        try:
            with safe_open(path, framework="pt") as file:
                slices = {name: file.get_slice(name) for name in self.names}
                each = slices["clip"].get_shape()[0] // self.draws
                one = slice(draw * each, (draw + 1) * each)
                tensors = {name: whole[one] for name, whole in slices.items()}
                about = file.metadata()
            return features_of(tensors, window=int(about["window"]), stride=int(about["stride"]))
        except (OSError, SafetensorError) as error:
            raise InputError(
                f"features of {row.path} cannot be read from {str(path)!r} ({error}); expected "
                "them whole: remove what is left of them and resume the run"
            ) from None

    def _path(self, row: Row) -> Path:
        return self.folder / f"{file_name(segment_id(row))}.safetensors"


def tensors_of(features: Features) -> dict[str, Tensor]:
    """The tensors that features are made of, by name; empty ones left out."""
    maps = features.maps or ()
    named = {
        "clip": features.clip,
        "steps": features.steps,
        "lengths": features.lengths,
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
        lengths=tensors.get("lengths"),
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
