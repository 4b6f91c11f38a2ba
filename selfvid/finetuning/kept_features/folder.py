"""The folder of the features of a frozen encoder, which several runs may share."""

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
class KeptClips:
    """Kept features of the clips of videos, in the number format that the encoder computed.

    Attributes:
        store: the store of the files, one file for each video.
        names: names of the tensors that are read, as `tensors_of` gives them.
        draws: how often the clips of each video were drawn.
    """

    store: FeatureStore
    names: tuple[str, ...]
    draws: int = 1

    def holds(self, row: Row) -> bool:
        """Return whether the features of a video are in the store."""
        return self.store.path(_name(row)).is_file()

    def write(self, row: Row, features: Features) -> None:
        """Write the features of all draws of a video, one draw after the other."""
        about = {"window": str(features.window), "stride": str(features.stride)}
        self.store.write(_name(row), tensors_of(features), about=about)

    def read(self, row: Row, draw: int = 0) -> Features:
        """Return the features of a video's clips of one draw.

        Raises:
            InputError: If the features are missing or damaged.
        """
        path = self.store.path(_name(row))
        try:
            file = FeatureFile(path)
            clips = file.shapes["clip"][0] // self.draws
            tensors = file.read(self.names, rows=slice(draw * clips, (draw + 1) * clips))
        except InputError as error:
            raise InputError(
                f"features of {row.path} cannot be read from {str(path)!r} ({error}); expected "
                "them whole: remove what is left of them and resume the run"
            ) from None
        about = file.about
        return features_of(tensors, window=int(about["window"]), stride=int(about["stride"]))


@dataclass(frozen=True)
class KeptFeatures:
    """Kept features of training clips and of test views, in one folder.

    Attributes:
        training: features of the training clips, which are drawn several times for each video.
        views: features of the views of each test video.
    """

    training: KeptClips
    views: KeptClips

    @staticmethod
    def open(
        folder: Path, about: dict[str, Any], *, names: tuple[str, ...], draws: int
    ) -> KeptFeatures:
        """Open the folder of features that another run left, or start a new one.

        Args:
            folder: the folder.
            about: everything that the features depend on, as plain data.
            names: names of the tensors that the head reads.
            draws: how often the clips of each training video are drawn.

        Raises:
            InputError: If the folder has other features, or other files.
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
            training=KeptClips(FeatureStore(folder / "training"), names, draws),
            views=KeptClips(FeatureStore(folder / "views"), names),
        )


def _name(row: Row) -> str:
    """Return the name of a video's file in the store, which no manifest can lead out of it."""
    return file_name(segment_id(row))


def _check_same(folder: Path, about: dict[str, Any]) -> None:
    """Raise an InputError if the features in `folder` depend on anything else than `about`."""
    try:
        there = json.loads((folder / ABOUT).read_text())
        kept = set(there.pop("tensors"))
    except (ValueError, AttributeError, KeyError, TypeError):
        raise InputError(f"{str(folder / ABOUT)!r} does not say what features depend on") from None
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
