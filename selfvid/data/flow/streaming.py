"""The optical flow of a video of any length as consecutive clips, in bounded memory.

Clips of 4 fields from a video of 14 frames, which has 13 fields; the last field is in no clip::

    frames  0   1   2   3   4   5   6   7   8   9  10  11  12  13
    fields    A   A   A   A   B   B   B   B   C   C   C   C   .
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from selfvid.data.flow.clips import Fields, StoredFields, directions_of
from selfvid.data.flow.estimated import EstimatedFields
from selfvid.data.flow.folder import FlowFolder
from selfvid.data.flow.origin import FlowReading
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.decode import DecoderName
from selfvid.data.video.files import content_id
from selfvid.data.video.streaming import ClipStream


class FlowStream(ClipStream):
    """The consecutive clips of flow of one video, read once from beginning to end.

    A field has the time of the earlier of its two frames.

    Args:
        path: the file, or a folder of frame images.
        flow: where the flow comes from; a folder is searched for the content of the file.
        frames: T, the fields of a clip.
        size: (H, W) of the fields.
        decoder: the decoder to use.
        threads: decoding threads.

    Raises:
        InputError: If the path or the decoder does not exist, or a folder has no flow of this
            video or of another size.
        DecodeError: If the file cannot be decoded.
    """

    beyond = 1  # the last field of a clip leads to one frame more

    def __init__(
        self,
        path: Path,
        *,
        flow: FlowReading,
        frames: int,
        size: tuple[int, int],
        decoder: DecoderName = "auto",
        threads: int = 1,
    ) -> None:
        super().__init__(path, frames=frames, size=size, decoder=decoder, threads=threads)
        self._directions = directions_of(flow.ways)
        if isinstance(flow.origin, FlowFolder):
            row = Row(path=str(path), video=content_id(path), frames=self._reader.frames)
            flow.check(Manifest((row,), Path()), size=size)
            self._fields: Fields = StoredFields(flow.origin, row.video)
        else:
            self._fields = EstimatedFields(self._reader, flow.origin)

    def __iter__(self) -> Iterator[Tensor]:
        """Yield blocks of clips in pixels, float32 (n, T, 2 or 4, H, W), in order.

        Raises:
            DecodeError: If a frame or a field cannot be read.
        """
        for wanted in self._blocks():
            ways = [
                self._fields.read(wanted.tolist(), direction=way).pixels()
                for way in self._directions
            ]
            yield torch.cat(ways, 1).unflatten(0, (-1, self._frames))
