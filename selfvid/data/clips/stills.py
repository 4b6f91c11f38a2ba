"""Which images, videos of one frame by themselves, are frames of other footage."""

from __future__ import annotations

from collections.abc import Collection

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.files import content_id
from selfvid.data.video.image_folder import frame_images


def shown_in(footage: Manifest, images: Collection[str]) -> set[str]:
    """Those of `images` that are in one of the footage's folders of frame images.

    A still and the folder that it lies in are different files with different content ids; a
    network that saw the folder has seen the still all the same.

    Args:
        footage: the videos.
        images: content ids of images.
    """
    wanted = set(images)
    folders = [row for row in footage.rows if row.decoder == "images"] if wanted else []
    return {
        found
        for row in folders
        for image in frame_images(footage.path_of(row))
        if (found := content_id(image)) in wanted
    }


def stills(manifest: Manifest) -> list[str]:
    """Content ids of the videos that are single images."""
    return [row.video for row in manifest.rows if row.decoder == "images" and row.frames == 1]
