"""A folder of flow: one file for each video and direction, and a table of what they are."""

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
from selfvid.data.video.reader import Frames
from selfvid.errors import InputError
from selfvid.flow.quantise import Direction, dequantise


class FlowWriter(GreyWriter):
    """Writes codes of flow, run by run, into one file."""

    def append(self, codes: Tensor) -> None:
        """Append codes uint8 (n, 2, H, W)."""
        self.write(codes.flatten(1, 2).cpu().numpy())


def read_flow_video(path: Path, indices: Sequence[int], *, threads: int = 1) -> Tensor:
    """The codes of some fields, in the order asked; each distinct field is decoded once.

    Args:
        path: a file that `FlowWriter` wrote.
        indices: field numbers, in any order, repeated or not.
        threads: decoding threads.

    Returns:
        uint8 (n, 2, H, W).

    Raises:
        IndexError: where an index lies outside the file.
        DecodeError: where the file is damaged.
    """
    with _GreyReader(str(path), threads=threads) as reader:
        pictures = reader.read(indices)
    return torch.from_numpy(pictures).unflatten(1, (2, -1))


class _GreyReader(PyAVReader):
    """Pictures (H, W) as they were stored: no detour by colour, which would shift the codes."""

    def _picture(self, frame: Any) -> Frames:
        picture: Frames = frame.to_ndarray(format="gray")
        return np.ascontiguousarray(picture)


TABLE = "flow.csv"


@dataclass(frozen=True, kw_only=True)
class FlowRow:
    """One video's flow in one direction.

    Attributes:
        path: the file's name in the folder, "" where there is none.
        video: content id of the video.
        source: where the video lay when its flow was computed.
        direction: "forward" or "backward".
        status: "ok" or "bad".
        error: in words why there is no file.
        frames: of the video; the file has one field fewer.
        height: pixels of the fields.
        width: pixels of the fields.
        bound: the longest displacement along x or y that the codes can tell, in pixels.
        clipped: share of values that were longer.
        bytes: size of the file.
        estimator: its name.
        settings: the estimator's, as JSON.
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
    """Fields as they are stored.

    Attributes:
        codes: uint8 (n, 2, H, W), x before y.
        bound: what code 255 stands for, in pixels.
    """

    codes: Tensor
    bound: float

    def pixels(self, device: torch.device | str | None = None) -> Tensor:
        """Displacements in pixels, float32 (n, 2, H, W); eight bits travel to `device`."""
        return dequantise(self.codes.to(device or self.codes.device), bound=self.bound)

    def __repr__(self) -> str:
        return f"StoredFlow({tuple(self.codes.shape)}, bound={self.bound:g})"


class FlowFolder:
    """Reads what `selfvid flow` wrote.

    Args:
        path: the folder.

    Raises:
        InputError: where it holds no table of flow.
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

    def row(self, video: str, *, direction: Direction = "forward", called: str = "") -> FlowRow:
        """What is known of one video's flow.

        Args:
            video: its content id.
            direction: which of its files.
            called: how a message names the video; by default by its content id.

        Raises:
            InputError: where there is no such file.
        """
        found = self._rows.get((video, direction))
        if found is None or found.status == "bad":
            why = f" ({found.error})" if found else ""
            raise InputError(
                f"flow {str(self.path)!r} has no {direction} flow of video "
                f"{called or video!r}{why}; expected it for all, run selfvid flow"
            )
        return found

    def require(
        self,
        manifest: Manifest,
        *,
        size: tuple[int, int] | None = None,
        direction: Direction = "forward",
    ) -> None:
        """Check that the flow of every row of a manifest is there and fits.

        Args:
            manifest: the videos.
            size: (H, W) that fields must have; None takes any.
            direction: which flow is needed.

        Raises:
            InputError: for the first video whose flow is missing, of another size, or of another
                number of frames than the manifest tells.
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
            if not (self.path / found.path).is_file():
                raise InputError(
                    f"flow {str(self.path)!r} lacks the file {found.path} of video {row.path}; "
                    "expected all that its table names"
                )

    def read(
        self, video: str, indices: Sequence[int], *, direction: Direction = "forward"
    ) -> StoredFlow:
        """Some fields of a video, in the order asked.

        Args:
            video: its content id.
            indices: field numbers from 0 to frames - 2, in any order, repeated or not; field t
                belongs to frames t and t + 1.
            direction: which flow.

        Raises:
            InputError: where there is no such file.
            IndexError: where an index lies outside of it.
            DecodeError: where the file is damaged.
        """
        row = self.row(video, direction=direction)
        return StoredFlow(read_flow_video(self.path / row.path, indices), row.bound)


def read_rows(folder: Path) -> tuple[FlowRow, ...]:
    """The rows of a folder's table.

    Raises:
        InputError: naming file and line, where it is no such table.
    """
    table = read_table(folder / TABLE)
    missing = [entry.name for entry in fields(FlowRow) if entry.name not in table.columns]
    if missing:
        raise InputError(
            f"table {str(table.path)!r} has no column {missing[0]!r}; expected one of selfvid flow"
        )
    return tuple(_parsed(table, index) for index in range(len(table.lines)))


def write_rows(folder: Path, rows: Sequence[FlowRow]) -> None:
    """Write a folder's table, whole or not at all."""
    columns = [entry.name for entry in fields(FlowRow)]
    write_table(folder / TABLE, columns, [asdict(row) for row in rows])


def _parsed(table: Table, index: int) -> FlowRow:
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
    # A table may come from a stranger: it names files of its own folder and no others.
    if Path(row.path).name != row.path:
        raise InputError(f"{table.place(index)}: path is {row.path!r}; expected a plain name")
    if row.direction not in ("forward", "backward") or row.status not in ("ok", "bad"):
        raise InputError(
            f"{table.place(index)}: direction is {row.direction!r}, status {row.status!r}; "
            "expected forward or backward, ok or bad"
        )
    return row
