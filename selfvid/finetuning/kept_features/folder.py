"""The folder of features that a frozen encoder has computed, which several runs may share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfvid.data.manifest.rows import Row, file_name, segment_id
from selfvid.errors import InputError
from selfvid.features.store import FeatureFile, FeatureStore, features_of, tensors_of
from selfvid.saving.whole import write_whole
from selfvid.types import Features

ABOUT = "about.json"


@dataclass(frozen=True)
class VideoFeatures:
    """Features of the clips of some videos, in the number format that the encoder left them in.

    Attributes:
        store: where the files lie, one for each video.
        names: of the tensors that are of interest, as `tensors_of` gives them.
        draws: how often the clips of each video were drawn.
    """

    store: FeatureStore
    names: tuple[str, ...]
    draws: int = 1

    def holds(self, row: Row) -> bool:
        """Whether the features of a video are there."""
        return self.store.path(_name(row)).is_file()

    def write(self, row: Row, features: Features) -> None:
        """Keep the features of all draws of a video, one behind the other."""
        about = {"window": str(features.window), "stride": str(features.stride)}
        self.store.write(_name(row), tensors_of(features), about=about)

    def read(self, row: Row, draw: int = 0) -> Features:
        """The features of the clips of one draw.

        Raises:
            InputError: where they are missing or damaged.
        """
        path = self.store.path(_name(row))
        try:
            file = FeatureFile(path)
            each = file.shapes["clip"][0] // self.draws
            tensors = file.read(self.names, rows=slice(draw * each, (draw + 1) * each))
        except InputError as error:
            raise InputError(
                f"features of {row.path} cannot be read from {str(path)!r} ({error}); expected "
                "them whole: remove what is left of them and resume the run"
            ) from None
        about = file.about
        return features_of(tensors, window=int(about["window"]), stride=int(about["stride"]))


@dataclass(frozen=True)
class KeptFeatures:
    """Features of training clips and of test views, in one folder.

    Attributes:
        training: of `draws` drawings of each training video's clips.
        views: of the views of each test video.
    """

    training: VideoFeatures
    views: VideoFeatures

    @staticmethod
    def open(
        folder: Path, about: dict[str, Any], *, names: tuple[str, ...], draws: int
    ) -> KeptFeatures:
        """The features in `folder`, new or as another run left them.

        Args:
            folder: where they lie or shall lie.
            about: everything that the features depend on, as plain data.
            names: of the tensors that are wanted of the features.
            draws: how often the clips of each training video are drawn.

        Raises:
            InputError: where features of something else are in the folder.
        """
        about = json.loads(json.dumps(about | {"draws": draws, "tensors": list(names)}))
        if (folder / ABOUT).is_file():
            _check_same(folder, about)
        elif folder.exists() and any(folder.iterdir()):
            raise InputError(
                f"folder {str(folder)!r} holds other things than features; expected a new one"
            )
        else:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / ABOUT, json.dumps(about, indent=2) + "\n")
        return KeptFeatures(
            training=VideoFeatures(FeatureStore(folder / "training"), names, draws),
            views=VideoFeatures(FeatureStore(folder / "views"), names),
        )


def _name(row: Row) -> str:
    return file_name(segment_id(row))


def _check_same(folder: Path, about: dict[str, Any]) -> None:
    try:
        there = json.loads((folder / ABOUT).read_text())
        kept = set(there.pop("tensors"))
    except (ValueError, AttributeError, KeyError, TypeError):
        raise InputError(f"{str(folder / ABOUT)!r} does not say what it is about") from None
    missing = [name for name in about.pop("tensors") if name not in kept]
    if missing:
        raise InputError(
            f"features in {str(folder)!r} lack {missing[0]}, which this head reads; expected a "
            "folder of its own, or the head that reads more to be the first"
        )
    for name in sorted({*there, *about}):
        if there.get(name) != about.get(name):
            raise InputError(
                f"features in {str(folder)!r} are of another run: {name} was "
                f"{there.get(name)!r}, got {about.get(name)!r}; expected the same, or a new folder"
            )
