"""Which videos need flow, which have it, and what the rest will cost."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfvid.data.flow.folder import TABLE, FlowRow, read_rows
from selfvid.data.flow.work import FlowFault, FlowOfVideo, compute_flow_of
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.decode import DecoderName
from selfvid.errors import InputError
from selfvid.flow.estimate import FlowEstimator
from selfvid.flow.quantise import Direction, default_bound
from selfvid.saving.recorded import describe
from selfvid.saving.whole import require_disk_space

_TRIED, _TRIED_FIELDS, _MOST_TRIED = 3, 12, 12
_START = 4.0  # seconds until children have imported what they need
_LONGEST_STEM = 80  # file systems take 255 bytes


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is wanted of every video.

    Attributes:
        estimator: who estimates.
        size: (H, W) of frames, or None for the native size.
        bound: in pixels, or None for a sixteenth of the longer side.
        directions: which flow.
        decoder: who decodes; auto takes what the manifest notes.
        processes: how many children work at a time.
        threads: of each child.
    """

    estimator: FlowEstimator
    size: tuple[int, int] | None
    bound: float | None
    directions: tuple[Direction, ...]
    decoder: DecoderName
    processes: int
    threads: int

    @property
    def settings(self) -> str:
        """The estimator's settings as they stand in the table."""
        return json.dumps(self.estimator.settings, sort_keys=True)

    def arguments(self, row: Row, path: Path) -> dict[str, Any]:
        """What `compute_flow_of` is told of one video, beside estimator and files; plain data."""
        noted: DecoderName = "pyav" if row.decoder == "pyav" else "auto"
        if row.decoder == "decord":
            noted = "decord"
        decoder = noted if self.decoder == "auto" else self.decoder
        return {
            "path": str(path),
            "decoder": decoder,
            "known_frames": row.frames if decoder == row.decoder else 0,
            "size": self.size,
            "bound": self.bound,
            "threads": self.threads,
        }

    def size_of(self, row: Row) -> tuple[int, int]:
        """(H, W) of the fields that a video will have."""
        return self.size or (row.height, row.width)

    def made(self, found: FlowRow, row: Row | None) -> bool:
        """Whether a file is what is asked now, of a video that the manifest may not have."""
        size = self.size or (self.size_of(row) if row and row.height else found.size)
        bound = self.bound or default_bound(*size)
        return (found.estimator, found.settings, found.size, found.bound) == (
            self.estimator.name,
            self.settings,
            size,
            bound,
        )


@dataclass(frozen=True, kw_only=True)
class Work:
    """One video and the files that it lacks.

    Attributes:
        row: of the manifest.
        path: the video.
        files: name of the file for each direction.
    """

    row: Row
    path: Path
    files: dict[Direction, str]

    @property
    def fields(self) -> int:
        """Fields to be estimated, both directions counted."""
        return max(self.row.frames - 1, 1) * len(self.files)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What estimating will take, told by a trial on a few frames.

    Attributes:
        seconds: with all processes at work.
        bytes: on disk.
        longest: seconds that the longest video alone keeps one process busy.
    """

    seconds: float
    bytes: float
    longest: float


def known_films(folder: Path) -> dict[tuple[str, Direction], FlowRow]:
    """What an earlier call left in the folder, by video and direction."""
    if not (folder / TABLE).is_file():
        return {}
    return {(row.video, row.direction): row for row in read_rows(folder)}


def open_work(
    manifest: Manifest, folder: Path, asked: Asked, *, fresh: bool
) -> tuple[list[Work], int]:
    """The videos that lack a file, the longest first, and how many files are there already.

    Raises:
        InputError: where the folder holds flow of other settings.
    """
    known = {} if fresh else known_films(folder)
    videos = {row.video: row for row in reversed(manifest.usable.rows)}
    for found in known.values():
        if found.status == "ok":
            _check_same(found, videos.get(found.video), asked, folder)
    todo, kept = [], 0
    for row in videos.values():
        files: dict[Direction, str] = {}
        for direction in asked.directions:
            there = known.get((row.video, direction))
            if there is not None and _whole(folder, there):
                kept += 1
            else:
                files[direction] = _file_name(row, direction)
        if files:
            todo.append(Work(row=row, path=manifest.path_of(row), files=files))
    return sorted(todo, key=lambda work: (-work.fields, work.row.path)), kept


def estimate_cost(todo: Sequence[Work], asked: Asked, folder: Path) -> tuple[Cost, str]:
    """Try a few frames of a few videos, spread over all of them.

    Returns:
        The cost, nothing where no video that was tried gives flow, and the first fault met.
    """
    step = max(1, len(todo) // _MOST_TRIED)
    tried: list[tuple[float, float]] = []  # seconds and bytes of a pixel
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix=".trial-", dir=folder) as scratch:
        for work in todo[::step]:
            files: dict[Direction, str | Path] = {
                direction: Path(scratch) / name for direction, name in work.files.items()
            }
            try:
                if not tried:  # what is slow the first time only is no measure
                    _try(work, files, asked, fields=1)
                tried.append(_try(work, files, asked, fields=_TRIED_FIELDS))
            except FlowFault as fault:
                faults.append(f"{work.row.path}: {fault}")
            if len(tried) == _TRIED:
                break
    if not tried:
        return Cost(seconds=0.0, bytes=0.0, longest=0.0), faults[0]
    seconds, size = (sum(values) / len(tried) for values in zip(*tried, strict=True))
    pixels = [work.fields * _pixels(asked.size_of(work.row)) for work in todo]
    together = min(asked.processes, len(todo))
    cost = Cost(
        seconds=_START + max(seconds * sum(pixels) / together, seconds * max(pixels)),
        bytes=size * sum(pixels),
        longest=seconds * max(pixels),
    )
    return cost, "".join(faults[:1])


def flow_rows(
    work: Work, asked: Asked, folder: Path, *, file: FlowOfVideo | None, fault: str = ""
) -> list[FlowRow]:
    """The table's rows of one video, which has its files in the folder or has a fault."""
    height, width = (file.height, file.width) if file else asked.size_of(work.row)
    return [
        FlowRow(
            path=name if file else "",
            video=work.row.video,
            source=str(work.path),
            direction=direction,
            status="ok" if file else "bad",
            error=fault,
            frames=file.frames if file else work.row.frames,
            height=height,
            width=width,
            bound=file.bound if file else asked.bound or default_bound(height, width),
            clipped=file.clipped[direction] if file else 0.0,
            bytes=(folder / name).stat().st_size if file else 0,
            estimator=asked.estimator.name,
            settings=asked.settings,
        )
        for direction, name in work.files.items()
    ]


def call_of(work: Work, asked: Asked, scratch: Path) -> dict[str, Any]:
    """The arguments of `compute_guarded` for one video, plain data."""
    package = type(asked.estimator).__module__.split(".")[0]
    return {
        **asked.arguments(work.row, work.path),
        "estimator": describe(asked.estimator),
        # Its class was handed in by whoever calls, so a child may build it.
        "allow": [f"{package}."],
        "files": {direction: str(scratch / name) for direction, name in work.files.items()},
    }


def check_disk(cost: Cost, folder: Path) -> None:
    """Refuse what will not fit.

    Raises:
        InputError: where the disk has less room than the flow will take.
    """
    expected = "more room, a smaller size or less footage"
    require_disk_space(cost.bytes, folder, what="fields of flow", expected=expected)


def _try(
    work: Work, files: Mapping[Direction, str | Path], asked: Asked, *, fields: int
) -> tuple[float, float]:
    """Seconds and bytes that a pixel of a field takes."""
    arguments = asked.arguments(work.row, work.path)
    file = compute_flow_of(files=files, estimator=asked.estimator, sample=fields, **arguments)
    pixels = (file.frames - 1) * file.height * file.width * len(files)
    return file.seconds / pixels, sum(Path(name).stat().st_size for name in files.values()) / pixels


def _pixels(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _whole(folder: Path, found: FlowRow) -> bool:
    file = folder / found.path
    return found.status == "ok" and file.is_file() and file.stat().st_size == found.bytes


def _check_same(found: FlowRow, row: Row | None, asked: Asked, folder: Path) -> None:
    if not asked.made(found, row):
        height, width = asked.size or (asked.size_of(row) if row else found.size)
        raise InputError(
            f"folder {str(folder)!r} holds flow of {found.source} by {found.estimator} "
            f"{found.settings} at {found.height}x{found.width}, bound {found.bound:g}; expected "
            f"{asked.estimator.name} {asked.settings} at {height}x{width}, bound "
            f"{asked.bound or default_bound(height, width):g}: another folder, or --fresh"
        )


def _file_name(row: Row, direction: Direction) -> str:
    plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in Path(row.path).stem)
    video = "".join(c if c.isalnum() else "_" for c in row.video)
    return f"{plain[-_LONGEST_STEM:].lstrip('.')}-{video}-{direction}.mkv"
