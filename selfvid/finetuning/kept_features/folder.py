"""What a frozen encoder makes of labelled videos, kept where several runs find it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfvid.features.head_store import Shelf
from selfvid.errors import InputError
from selfvid.saving.whole import write_whole

ABOUT = "about.json"


@dataclass(frozen=True)
class FeatureCache:
    """Features of training clips and of test views, in one folder.

    Attributes:
        training: of `draws` drawings of each training video's clips.
        views: of the views of each test video.
    """

    training: Shelf
    views: Shelf

    @staticmethod
    def open(
        folder: Path, about: dict[str, Any], *, names: tuple[str, ...], draws: int
    ) -> FeatureCache:
        """The cache in `folder`, new or as another run left it.

        Args:
            folder: where it lies or shall lie.
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
        return FeatureCache(
            training=Shelf(folder / "training", names, draws),
            views=Shelf(folder / "views", names),
        )


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
