"""TODO."""

from __future__ import annotations

import hashlib
from pathlib import Path

from selfvid.data.video.image_folder import frame_images

_WHOLE = 256 * 2**20


_PART = 16 * 2**20


def content_id(path: Path) -> str:
    """Hash of a video's bytes, 16 hexadecimal digits, whatever its name.

    Of a file above 256 MiB only the size and 16 MiB at the beginning, in the middle and at the
    end are read. A folder of frame images is hashed image by image in their order.
    """
    digest = hashlib.blake2b(digest_size=8)
    for file in frame_images(path):
        size = file.stat().st_size
        digest.update(size.to_bytes(8, "little"))
        with file.open("rb") as content:
            if size <= _WHOLE:
                while block := content.read(2**20):
                    digest.update(block)
            else:
                for start in (0, (size - _PART) // 2, size - _PART):
                    content.seek(start)
                    digest.update(content.read(_PART))
    return digest.hexdigest()


# fmt: off
VIDEO_SUFFIXES = frozenset((
    ".3g2", ".3gp", ".amv", ".asf", ".avi", ".dv", ".f4v", ".flv", ".gif", ".h264", ".h265",
    ".hevc", ".ivf", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg",
    ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".rm", ".rmvb", ".ts", ".vob", ".webm",
    ".wmv", ".y4m",
))


# Sound files get a row that says so: a person who points at them expects to hear about them.
AUDIO_SUFFIXES = frozenset((
    ".aac", ".aiff", ".flac", ".m4a", ".mka", ".mp3", ".oga", ".ogg", ".opus", ".wav", ".wma",
))


# fmt: on
IMAGE_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm"))
