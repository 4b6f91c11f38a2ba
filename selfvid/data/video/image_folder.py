"""A reader for a folder of frame images, or for one image as a video of one frame."""

from __future__ import annotations

import io
from functools import cached_property, lru_cache
from pathlib import Path

import av
import numpy as np

from selfvid.data.video.files import IMAGE_SUFFIXES, frame_images
from selfvid.data.video.packets import error_text
from selfvid.data.video.pyav_reader import picture
from selfvid.data.video.reader import DecodeError, Frames, Header, Indices, Size, VideoReader
from selfvid.data.video.source import OPTIONS, require_few_pixels, require_regular
from selfvid.errors import InputError

_RATE = 25.0  # frames per second: images carry no times, and 25 is a common rate of video
_REMEMBERED = 64  # listings that are kept, each a list of paths


class ImageFolder(VideoReader):
    """The frame images of one folder in natural order of their names, at 25 frames per second.

    Args:
        path: the folder, or a single image.
        size: (H, W) to resize to, or None for the native size.

    Raises:
        DecodeError: If the folder contains no images, or images of several numberings.
    """

    decoder = "images"

    def __init__(self, path: str, *, size: Size | None = None) -> None:
        super().__init__(path)
        try:
            self._files = _listing(path, Path(path).stat().st_mtime_ns)
        except InputError as error:
            raise DecodeError(path, str(error)) from None
        if not self._files:
            raise DecodeError(path, f"the folder contains no images ({', '.join(IMAGE_SUFFIXES)})")
        self._size = size
        self.frames = len(self._files)
        self.rate = _RATE
        self.times = np.arange(self.frames) / _RATE

    @cached_property
    def header(self) -> Header:
        """Size and format of the first image."""
        height, width = self._image(0, None).shape[:2]
        return Header(height, width, codec=self._files[0].suffix.lower().lstrip("."))

    def _decode(self, indices: Indices) -> Frames:
        images = [self._image(int(index), self._size) for index in indices]
        if any(image.shape != images[0].shape for image in images):
            raise DecodeError(self.path, "the images of the folder differ in size")
        return np.stack(images)  # (N, H, W, 3)

    def _image(self, index: int, size: Size | None) -> Frames:
        file = self._files[index]
        try:
            # FFmpeg gets the bytes rather than a name: it then recognises the format by the
            # content, and a "%" in the name is not taken for a numbering pattern.
            require_regular(file)
            with av.open(io.BytesIO(file.read_bytes()), "r", options=OPTIONS) as container:
                stream = container.streams.video[0]
                require_few_pixels(file, stream.codec_context)
                return picture(next(container.decode(stream)), size=size)
        except (av.error.FFmpegError, OSError, IndexError, StopIteration) as error:
            cause = f"frame {index} ({file.name}): {error_text(error)}"
            raise DecodeError(self.path, cause) from None

    def close(self) -> None:
        """Do nothing: no file stays open between frames."""


@lru_cache(maxsize=_REMEMBERED)
def _listing(path: str, changed: int) -> list[Path]:
    """Return the images at `path`; they are listed again if the folder has `changed`.

    Training opens a folder for every clip, and sorting hundreds of names takes longer than
    decoding two images.
    """
    del changed  # part of the cache's key only
    return frame_images(Path(path))
