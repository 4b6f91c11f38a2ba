"""Single images (stills) in a manifest, and whether they are also frames of another manifest."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from selfvid.data.manifest.identity import unchanged_path
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.files import content_id, frame_images
from selfvid.data.video.reader import DecodeError
from selfvid.errors import InputError


def shown_in(footage: Manifest, images: Collection[str]) -> set[str]:
    """Return those `images` that are also in one of the footage's folders of frame images.

    A still and the folder that contains it have different content ids. A network that was trained
    on the folder has nevertheless seen the still.

    Args:
        footage: the videos, some of which may be folders of frame images.
        images: content ids of single images.

    Raises:
        InputError: If a folder changed after it was indexed.
    """
    wanted = set(images)
    folders = [row for row in footage.rows if row.decoder == "images"] if wanted else []
    return {
        found
        for row in folders
        for image in frame_images(_folder_of(footage, row))
        if (found := content_id(image)) in wanted
    }


def stills(manifest: Manifest) -> list[str]:
    """Return the content ids of the videos of a manifest that are single images."""
    return [row.video for row in manifest.rows if row.decoder == "images" and row.frames == 1]


def _folder_of(footage: Manifest, row: Row) -> Path:
    try:
        return unchanged_path(footage, row)
    except DecodeError as error:
        raise InputError(f"{error}; it is needed to tell which images were seen") from None
