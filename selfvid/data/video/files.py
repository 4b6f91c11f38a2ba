"""Names of video, sound and image files, the frame images of a folder, and content ids."""

from __future__ import annotations

import hashlib
import re
import stat
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from selfvid.errors import InputError

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

# Beginnings of the names of numbered pictures, as opposed to flow, depth or masks beside them.
_PICTURES = re.compile(r"(?:img|image|frame|rgb|colou?r|picture)s?(?![a-z])", re.IGNORECASE)
_MOST_LISTED = 5  # numberings that an error message lists


def content_id(path: Path) -> str:
    """Return a hash of a video's bytes, 16 hexadecimal digits, which does not depend on its name.

    Of a file above 256 MiB only the size and 16 MiB at the beginning, in the middle and at the
    end are read. A folder of frame images is hashed image by image in their order.
    """
    digest = hashlib.blake2b(digest_size=8)
    for file in frame_images(path):
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):  # reading from a pipe might never end
            raise InputError(f"{str(file)!r} is not a regular file; expected a video or an image")
        size = status.st_size
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
    """Return the frames directly in the folder `path` in natural order, or a file as it is.

    If names have numbers, the frames are the images of one numbering, such as img_00001.jpg and
    img_00002.jpg; an image without a number, such as cover.jpg, is not one of them. Hidden files
    are passed over, such as the companions ._img_00001.jpg that macOS writes.

    Raises:
        InputError: If the folder has several numberings, and not exactly one is of pictures.
    """
    if not path.is_dir():
        return [path]
    names = [file.name for file in path.iterdir() if is_image(file) and not is_hidden(file.name)]
    try:
        return [path / name for name in sorted(_one_numbering(names), key=natural)]
    except InputError as error:
        raise InputError(f"{error} in {path.name!r}") from None


def is_image(path: Path) -> bool:
    """Return whether a file has the suffix of an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def reads_images(path: Path | str) -> bool:
    """Return whether a path is a folder, of frame images, or a single image."""
    return Path(path).is_dir() or is_image(Path(path))


def is_hidden(name: str) -> bool:
    """Return whether a file is not meant to be seen, as "._a.mp4", the companion of a.mp4."""
    return name.startswith(".")


def natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts frame9 before frame10."""
    pieces = re.split(r"(\d+)", name)  # texts at even places, numbers at odd places
    return [(int(piece), "") if place % 2 else (0, piece) for place, piece in enumerate(pieces)]


def _one_numbering(names: Sequence[str]) -> Sequence[str]:
    """Return the names of the only numbering, or of the only one that is named after pictures."""
    numberings: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if re.search(r"\d", name.rpartition(".")[0]):
            numberings[_pattern(name, inner="#")].append(name)
    if len(numberings) == 1:
        numberings = _separated(next(iter(numberings.values())))
    if not numberings or (len(numberings) == 1 and len(next(iter(numberings.values()))) < 2):
        return names
    of_pictures = [pattern for pattern in numberings if _PICTURES.match(pattern)]
    chosen = list(numberings) if len(numberings) == 1 else of_pictures
    if len(chosen) != 1:
        listed = [f"{pattern} ({len(found)})" for pattern, found in sorted(numberings.items())]
        raise InputError(
            f"expected frames of one numbering, found {len(listed)} numberings: "
            + ", ".join(listed[:_MOST_LISTED])
            + (", ..." if len(listed) > _MOST_LISTED else "")
        )
    return numberings[chosen[0]]


def _separated(names: list[str]) -> dict[str, list[str]]:
    """Return the numberings of names that differ in numbers only.

    Several numbers may count one sequence, as in 10-59-59.jpg, 11-00-00.jpg. A number that follows
    a letter is part of a name if frames of the same number exist under both names: cam1_001.jpg
    and cam2_001.jpg are frames of two cameras.
    """
    parts: dict[str, list[str]] = defaultdict(list)
    for name in names:
        parts[_pattern(name, inner="name")].append(name)
    counts = [
        {re.findall(r"\d+", name.rpartition(".")[0])[-1] for name in found}
        for found in parts.values()
    ]
    apart = sum(map(len, counts)) == len(set().union(*counts))
    return {_pattern(names[0], inner="#"): names} if apart else dict(parts)


def _pattern(name: str, *, inner: Literal["#", "name"]) -> str:
    """Return a name with # for its last number, and for those before it.

    Args:
        name: the name of a file.
        inner: whether an earlier number that follows a letter becomes # too, or stays.
    """
    stem, dot, suffix = name.rpartition(".")
    *before, _, after = re.split(r"(\d+)", stem)
    earlier = "".join(before)
    numbers = r"\d+" if inner == "#" else r"(?<![A-Za-z\d])\d+"
    return f"{re.sub(numbers, '#', earlier)}#{after}{dot}{suffix.lower()}"
