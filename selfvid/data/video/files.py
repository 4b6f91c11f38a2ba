"""Names of video, sound and image files, the frame images of a folder, and content ids."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

# fmt: off
VIDEO_SUFFIXES = frozenset((
    ".3g2", ".3gp", ".amv", ".asf", ".avi", ".dv", ".f4v", ".flv", ".gif", ".h264", ".h265",
    ".hevc", ".ivf", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg",
    ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".rm", ".rmvb", ".ts", ".vob", ".webm",
    ".wmv", ".y4m",
))
# Sound files get a row in the manifest too, which says that they have no video stream: a user who
# names them expects an answer.
AUDIO_SUFFIXES = frozenset((
    ".aac", ".aiff", ".flac", ".m4a", ".mka", ".mp3", ".oga", ".ogg", ".opus", ".wav", ".wma",
))
# fmt: on
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm")

# Files above 256 MiB are hashed in part: reading terabytes of footage would take hours, and three
# parts of 16 MiB tell real videos apart.
_WHOLE = 256 * 2**20
_PART = 16 * 2**20
_BLOCK = 2**20  # bytes read at once


def content_id(path: Path) -> str:
    """Return a hash of a video's bytes, 16 hexadecimal digits, which does not depend on its name.

    Of a file above 256 MiB only the size and 16 MiB at the beginning, in the middle and at the
    end are read. A folder of frame images is hashed image by image in their order.
    """
    digest = hashlib.blake2b(digest_size=8)
    for file in frame_images(path):
        size = file.stat().st_size
        digest.update(size.to_bytes(8, "little"))
        with file.open("rb") as content:
            if size <= _WHOLE:
                while block := content.read(_BLOCK):
                    digest.update(block)
            else:
                for start in (0, (size - _PART) // 2, size - _PART):
                    content.seek(start)
                    digest.update(content.read(_PART))
    return digest.hexdigest()


def frame_images(path: Path) -> list[Path]:
    """Return the images directly in the folder `path` in natural order, or a file as it is."""
    if not path.is_dir():
        return [path]
    images = [file for file in path.iterdir() if is_image(file)]
    return sorted(images, key=lambda file: natural(file.name))


def is_image(path: Path) -> bool:
    """Return whether a file has the suffix of an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def reads_images(path: Path | str) -> bool:
    """Return whether a path is a folder, of frame images, or a single image."""
    return Path(path).is_dir() or is_image(Path(path))


def natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts frame9 before frame10."""
    pieces = re.split(r"(\d+)", name)  # texts at even places, numbers at odd places
    return [(int(piece), "") if place % 2 else (0, piece) for place, piece in enumerate(pieces)]
