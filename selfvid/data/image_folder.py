"""A folder of frame images read as one video."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import resize

from selfvid.data.reader import DecodeError, Frames, Header, Indices, Size, VideoReader

SUFFIXES = (".png", ".jpg", ".jpeg")
RATE = 25.0


def frame_images(folder: Path) -> list[Path]:
    """The images directly in `folder`, frame 2 before frame 10."""
    images = [file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES]
    return sorted(images, key=lambda file: _natural(file.name))


class ImageFolder(VideoReader):
    """Frame images of one folder in natural order of their names, at 25 frames per second."""

    decoder = "images"

    def __init__(self, path: str, *, size: Size | None = None) -> None:
        super().__init__(path)
        self._files = frame_images(Path(path))
        if not self._files:
            raise DecodeError(path, f"the folder holds no images ({', '.join(SUFFIXES)})")
        self._size = size
        self.frames = len(self._files)
        self.rate = RATE
        self.times = np.arange(self.frames) / RATE

    @cached_property
    def header(self) -> Header:
        """Size and format of the first image."""
        height, width = self._image(0).shape[1:]
        return Header(height, width, codec=self._files[0].suffix.lower().lstrip("."))

    def _image(self, index: int) -> torch.Tensor:
        file = self._files[index]
        try:
            return decode_image(str(file), mode=ImageReadMode.RGB)
        except (RuntimeError, OSError) as error:
            cause = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DecodeError(self.path, f"frame {index} ({file.name}): {cause}") from None

    def _decode(self, indices: Indices) -> Frames:
        images = [self._image(int(index)) for index in indices]
        if self._size is not None:
            images = [
                resize(image, list(self._size), InterpolationMode.BILINEAR, antialias=True)
                for image in images
            ]
        if any(image.shape != images[0].shape for image in images):
            raise DecodeError(self.path, "frames change their size along the folder")
        frames: Frames = torch.stack(images).permute(0, 2, 3, 1).contiguous().numpy()
        return frames

    def close(self) -> None:
        """Nothing is held open between frames."""


def _natural(name: str) -> list[tuple[int, int | str]]:
    parts = re.split(r"(\d+)", name)
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts if part]
