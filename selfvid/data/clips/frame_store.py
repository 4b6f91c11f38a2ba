"""A folder of decoded frames at training size, so that each video is decoded only once.

A run that reads the same videos in every epoch spends most of its time on decoding the same
frames. Small frames need little disk space uncompressed, and each of them can be read without
the frames before it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import file_name
from selfvid.data.video.reader import DecodeError, Frames, Header, Indices, Size, VideoReader
from selfvid.saving.whole import replacing, require_disk_space

_BLOCK = 64  # frames decoded at a time: enough to be fast, and little memory per call
_SPARE = 1.1  # require 10 % more disk space than the frames take: files have headers and times
_FRAMES, _TIMES = "frames", "times"


class FrameStore:
    """A folder with one file of frames for each video, made when the video is first opened.

    Args:
        folder: the folder of the files; it is created if it does not exist.
        size: (H, W) of the frames.
    """

    def __init__(self, folder: Path | str, *, size: Size) -> None:
        self.folder, self.size = Path(folder), size
        self.folder.mkdir(parents=True, exist_ok=True)

    def check_room(self, manifest: Manifest) -> int:
        """Return the number of bytes that the frames that are not stored yet will take.

        Raises:
            InputError: If the disk has not enough free space for them.
        """
        stored = {path.name.rpartition("-")[0] for path in self.folder.iterdir()}
        frames = {row.video: row.frames for row in manifest.rows}
        missing = sum(n for video, n in frames.items() if self._stem(video) not in stored)
        needed = missing * self.size[0] * self.size[1] * 3  # RGB, one byte per channel
        require_disk_space(
            needed * _SPARE,
            self.folder,
            what="decoded frames",
            expected="room for them, or a run that does not keep them",
        )
        return needed

    def open(
        self,
        video: str,
        *,
        decoder: str,
        otherwise: Callable[[], VideoReader],
        unchanged: Callable[[], object],
    ) -> VideoReader:
        """Return a reader of a video's stored frames, after decoding them if they are missing.

        Args:
            video: content id of the video.
            decoder: the decoder to use; frames of different decoders are stored in separate files.
            otherwise: opens the video itself, at the size of this store.
            unchanged: raises an error if the file is not the video any more; called after all
                frames were decoded, so that no frames of another file are kept.

        Raises:
            DecodeError: If a frame cannot be decoded.
        """
        path = self.folder / f"{self._stem(video)}-{decoder}.safetensors"
        if not path.is_file():
            with otherwise() as reader:
                _keep(reader, path, unchanged)
        return StoredReader(path)

    def _stem(self, video: str) -> str:
        return f"{file_name(video)}-{self.size[0]}x{self.size[1]}"


class StoredReader(VideoReader):
    """Reader of the frames in one file of a `FrameStore`.

    Args:
        path: the file.

    Raises:
        DecodeError: If the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        try:
            self._file = safe_open(path, framework="np")
            about = self._file.metadata()
            self._slices = self._file.get_slice(_FRAMES)
            self.times = self._file.get_tensor(_TIMES) if _TIMES in self._file.keys() else None  # noqa: SIM118
            self.decoder, self.rate = about["decoder"], float(about["rate"])
            self._header = Header(int(about["height"]), int(about["width"]), about["codec"])
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise DecodeError(str(path), f"kept frames are damaged ({error}); delete it") from None
        self.frames = self._slices.get_shape()[0]

    @property
    def header(self) -> Header:
        """The native size and the codec of the video."""
        return self._header

    def _decode(self, indices: Indices) -> Frames:
        return np.stack([self._slices[int(index)] for index in indices])

    def close(self) -> None:
        """Do nothing: the file is closed when the reader is deleted."""


def _keep(reader: VideoReader, path: Path, unchanged: Callable[[], object]) -> None:
    """Decode a whole video and store its frames in a file."""
    blocks = [
        torch.from_numpy(reader.read(range(first, min(first + _BLOCK, reader.frames))))
        for first in range(0, reader.frames, _BLOCK)
    ]
    kept = {_FRAMES: torch.cat(blocks)}  # (frames, H, W, C)
    if reader.times is not None:
        kept[_TIMES] = torch.from_numpy(reader.times)
    header = reader.header
    about = {
        "decoder": reader.decoder,
        "rate": repr(reader.rate),
        "height": str(header.height),
        "width": str(header.width),
        "codec": header.codec,
    }
    with replacing(path) as draft:
        save_file(kept, draft, metadata=about)
        unchanged()
