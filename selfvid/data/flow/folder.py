"""A folder of optical flow: one flow video for each video and direction, and a table of them.

A flow video is a lossless grey video file: each of its pictures is a field in eight bits (see
`selfvid.flow.quantise`), the x displacements above the y displacements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.tables import Table, read_table, write_table
from selfvid.data.video.encode import GreyWriter
from selfvid.data.video.pyav_reader import PyAVReader
from selfvid.data.video.reader import DecodeError, Frames
from selfvid.errors import InputError
from selfvid.flow.quantise import Direction, dequantise
from selfvid.saving.hashes import short_hash

TABLE = "flow.csv"  # a row for each video and direction


@dataclass(frozen=True, kw_only=True)
class FlowRow:
    """A row of the table: the flow of one video in one direction.

    Attributes:
        path: name of the flow video in the folder, "" if there is none.
        video: content id of the video.
        source: path of the video when its flow was computed.
        direction: "forward" or "backward".
        status: "ok" or "bad".
        error: why there is no flow video, in words.
        frames: number of frames of the video; the flow video has one field fewer.
        height: height of the fields in pixels.
        width: width of the fields in pixels.
        bound: the longest displacement along x or y that the codes can express, in pixels.
        clipped: share of values that were beyond the bound and were clipped to it.
        bytes: size of the flow video.
        estimator: name of the estimator.
        settings: settings of the estimator, as JSON.
    """

    path: str
    video: str
    source: str
    direction: Direction
    status: Literal["ok", "bad"]
    error: str
    frames: int
    height: int
    width: int
    bound: float
    clipped: float
    bytes: int
    estimator: str
    settings: str

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the fields."""
        return self.height, self.width


@dataclass(frozen=True, eq=False, repr=False)
class StoredFlow:
    """Fields in eight bits, as they are stored.

    Attributes:
        codes: uint8 (n, 2, H, W), x before y.
        bound: the displacement that code 255 means, in pixels.
    """

    codes: Tensor
    bound: float

    def pixels(self, device: torch.device | str | None = None) -> Tensor:
        """Return the displacements in pixels, float32 (n, 2, H, W), on `device`.

        The codes are moved to the device before they are converted: a quarter of the bytes.
        """
        return dequantise(self.codes.to(device or self.codes.device), bound=self.bound)

    def __repr__(self) -> str:
        return f"StoredFlow({tuple(self.codes.shape)}, bound={self.bound:g})"


class FlowFolder:
    """Reader of a folder that `selfvid flow` wrote.

    Args:
        path: the folder.

    Attributes:
        rows: the rows of its table.

    Raises:
        InputError: If the folder has no table of flow.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not (self.path / TABLE).is_file():
            raise InputError(
                f"flow {str(path)!r} holds no {TABLE}; expected a folder that selfvid flow wrote"
            )
        self.rows = read_rows(self.path)
        self._rows = {(row.video, row.direction): row for row in self.rows}

    def __repr__(self) -> str:
        return f"FlowFolder({str(self.path)!r}, {len(self.rows)} files)"

    @property
    def estimators(self) -> str:
        """The estimators that computed the flow, with their settings."""
        return "; ".join(sorted({f"{row.estimator} {row.settings}" for row in self.rows}))

    def row(self, video: str, *, direction: Direction = "forward", called: str = "") -> FlowRow:
        """Return the table's row of one video and direction.

        Args:
            video: content id of the video.
            direction: direction of the flow.
            called: name of the video in error messages; by default its content id.

        Raises:
            InputError: If the folder has no flow of this video in this direction.
        """
        found = self._rows.get((video, direction))
        if found is None or found.status == "bad":
            why = f" ({found.error})" if found else ""
            way = "" if direction == "forward" else f" --direction {direction}"
            raise InputError(
                f"flow {str(self.path)!r} has no {direction} flow of video "
                f"{called or video!r}{why}; expected it for all, run selfvid flow{way}"
            )
        return found

    def require(
        self,
        manifest: Manifest,
        *,
        size: tuple[int, int] | None = None,
        direction: Direction = "forward",
    ) -> None:
        """Check that the folder has the flow of every row of a manifest, and that it fits.

        Args:
            manifest: the videos.
            size: (H, W) that the fields must have; None allows any size.
            direction: direction of the flow.

        Raises:
            InputError: For the first video whose flow is missing, has another size, or belongs
                to another number of frames than the manifest gives.
        """
        for row in manifest.rows:
            found = self.row(row.video, direction=direction, called=row.path)
            if size is not None and found.size != tuple(size):
                raise InputError(
                    f"flow of {row.path} in {str(self.path)!r} is {found.height}x{found.width}; "
                    f"expected {size[0]}x{size[1]}, run selfvid flow with that size"
                )
            if row.frames and found.frames != row.frames:
                raise InputError(
                    f"flow of {row.path} in {str(self.path)!r} is of {found.frames} frames; "
                    f"the manifest says {row.frames}, expected flow of the same video"
                )
            words = self._difference(found)
            if words:
                raise InputError(
                    f"flow of {row.path}: file {str(self.path / found.path)!r} {words}"
                )

    def read(
        self, video: str, indices: Sequence[int], *, direction: Direction = "forward"
    ) -> StoredFlow:
        """Read some fields of a video, in the order of `indices`.

        Args:
            video: content id of the video.
            indices: field numbers from 0 to frames - 2, in any order, repeated or not; field t
                belongs to frames t and t + 1.
            direction: direction of the flow.

        Raises:
            InputError: If the folder has no flow of this video in this direction.
            IndexError: If an index is outside the flow video.
            DecodeError: If the flow video is damaged, or is not the one that was written.
        """
        row = self.row(video, direction=direction)
        if words := self._difference(row):
            raise DecodeError(str(self.path / row.path), words)
        return StoredFlow(read_flow_video(self.path / row.path, indices), row.bound)

    def hash(self, manifest: Manifest | None = None) -> str:
        """Return a short hash of what the fields of a manifest's, or of all, videos depend on."""
        rows = self.rows if manifest is None else manifest.rows
        videos = {row.video for row in rows}
        pieces = sorted(
            repr((row.video, row.direction, row.settings, row.estimator, row.size, row.bound))
            + f" {row.bytes}"
            for row in self.rows
            if row.video in videos
        )
        return short_hash(pieces)

    def _difference(self, row: FlowRow) -> str:
        """Return in words how a flow video differs from its row of the table, or ""."""
        try:
            size = (self.path / row.path).stat().st_size
        except OSError:
            return "is not there; expected all that the table of the folder names"
        if size == row.bytes:
            return ""
        return (
            f"has {size} bytes and the table of its folder says {row.bytes}; expected the file "
            "that selfvid flow wrote, run it again"
        )


def read_rows(folder: Path) -> tuple[FlowRow, ...]:
    """Read the rows of a folder's table.

    Raises:
        InputError: If the file is not a table of flow; the message names file and line.
    """
    table = read_table(folder / TABLE)
    missing = [entry.name for entry in fields(FlowRow) if entry.name not in table.columns]
    if missing:
        raise InputError(
            f"table {str(table.path)!r} has no column {missing[0]!r}; expected one of selfvid flow"
        )
    return tuple(_parsed(table, index) for index in range(len(table.lines)))


def write_rows(folder: Path, rows: Sequence[FlowRow]) -> None:
    """Write a folder's table completely or not at all."""
    columns = [entry.name for entry in fields(FlowRow)]
    write_table(folder / TABLE, columns, [asdict(row) for row in rows])


class FlowWriter(GreyWriter):
    """Writer of a flow video; fields are appended a few at a time."""

    def append(self, codes: Tensor) -> None:
        """Append fields as codes, uint8 (n, 2, H, W)."""
        self.write(codes.flatten(1, 2).cpu().numpy())  # (n, 2 * H, W), x above y


def read_flow_video(path: Path, indices: Sequence[int], *, threads: int = 1) -> Tensor:
    """Read some fields of a flow video, in the order of `indices`.

    Args:
        path: a file that `FlowWriter` wrote.
        indices: field numbers, in any order, repeated or not; each field is decoded once.
        threads: number of decoding threads.

    Returns:
        Codes, uint8 (n, 2, H, W).

    Raises:
        IndexError: If an index is outside the file.
        DecodeError: If the file is damaged.
    """
    with _GreyReader(str(path), threads=threads) as reader:
        pictures = reader.read(indices)  # (n, 2 * H, W)
    return torch.from_numpy(pictures).unflatten(1, (2, -1))  # (n, 2, H, W)


class _GreyReader(PyAVReader):
    """Reader of grey pictures (H, W); a conversion to colour and back would change the codes."""

    def _picture(self, frame: Any) -> Frames:
        picture: Frames = frame.to_ndarray(format="gray")
        return np.ascontiguousarray(picture)


def _parsed(table: Table, index: int) -> FlowRow:
    """Return line `index` of the table as a row, after checking it."""
    values: dict[str, Any] = {}
    for entry in fields(FlowRow):
        text = table.lines[index][entry.name]
        kind = {"int": int, "float": float}.get(str(entry.type), str)
        try:
            values[entry.name] = kind(text)
        except ValueError:
            raise InputError(
                f"{table.place(index)}: {entry.name} is {text!r}; expected a number"
            ) from None
    row = FlowRow(**values)
    # A table may come from an unknown source: it must only name files of its own folder.
    if Path(row.path).name != row.path:
        raise InputError(f"{table.place(index)}: path is {row.path!r}; expected a plain name")
    if row.direction not in ("forward", "backward") or row.status not in ("ok", "bad"):
        raise InputError(
            f"{table.place(index)}: direction is {row.direction!r}, status {row.status!r}; "
            "expected forward or backward, ok or bad"
        )
    return row
