"""A folder of frame images read as one video, or one image as a video of one frame."""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from pathlib import Path

import av
import numpy as np

from selfvid.data.video.packets import in_words
from selfvid.data.video.pyav_reader import picture
from selfvid.data.video.reader import DecodeError, Frames, Header, Indices, Size, VideoReader

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm")
RATE = 25.0


def is_image(path: Path) -> bool:
    """Whether a file is named as an image is."""
    return path.suffix.lower() in SUFFIXES


def frame_images(path: Path) -> list[Path]:
    """The images directly in the folder `path`, frame 2 before frame 10; or the one that it is."""
    if not path.is_dir():
        return [path]
    images = [file for file in path.iterdir() if is_image(file)]
    return sorted(images, key=lambda file: _natural(file.name))


class ImageFolder(VideoReader):
    """Frame images of one folder in natural order of their names, at 25 frames per second.

    Args:
        path: the folder, or a single image.
        size: (H, W) to resize to, or None for the native size.

    Raises:
        DecodeError: where the folder holds no images.
    """

    decoder = "images"

    def __init__(self, path: str, *, size: Size | None = None) -> None:
        super().__init__(path)
        self._files = _remembered(path, Path(path).stat().st_mtime_ns)
        if not self._files:
            raise DecodeError(path, f"the folder holds no images ({', '.join(SUFFIXES)})")
        self._size = size
        self.frames = len(self._files)
        self.rate = RATE
        self.times = np.arange(self.frames) / RATE

    @cached_property
    def header(self) -> Header:
        """Size and format of the first image."""
        height, width = self._image(0, None).shape[:2]
        return Header(height, width, codec=self._files[0].suffix.lower().lstrip("."))

    def _image(self, index: int, size: Size | None) -> Frames:
        file = self._files[index]
        try:
            # Handed over open, so that FFmpeg goes by its content and a "%" in its name is none.
            with file.open("rb") as content, av.open(content, "r") as container:
                return picture(next(container.decode(container.streams.video[0])), size=size)
        except (av.error.FFmpegError, OSError, IndexError, StopIteration) as error:
            cause = f"frame {index} ({file.name}): {in_words(error)}"
            raise DecodeError(self.path, cause) from None

    def _decode(self, indices: Indices) -> Frames:
        images = [self._image(int(index), self._size) for index in indices]
        if any(image.shape != images[0].shape for image in images):
            raise DecodeError(self.path, "frames change their size along the folder")
        return np.stack(images)

    def close(self) -> None:
        """Nothing is held open between frames."""


@lru_cache(maxsize=64)
def _remembered(path: str, changed: int) -> list[Path]:
    """The images at `path`, listed anew where the folder has changed.

    Training opens a folder for every clip, and sorting hundreds of names takes longer than
    decoding two of them.
    """
    del changed
    return frame_images(Path(path))


def _natural(name: str) -> list[tuple[int, int | str]]:
    parts = re.split(r"(\d+)", name)
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts if part]
