"""The plan of `selfvid flow`: which videos still need flow, and what computing it will cost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfvid.data.flow.folder import TABLE, FlowRow, read_rows
from selfvid.data.flow.work import FlowFault, VideoFlow, compute_flow_of
from selfvid.data.manifest.decoding import decoding_of
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.decode import DecoderName
from selfvid.errors import InputError
from selfvid.flow.estimate import FlowEstimator
from selfvid.flow.quantise import Direction, default_bound
from selfvid.saving.recorded import describe
from selfvid.saving.whole import require_disk_space, scratch_folder

_TRIED = 3  # videos that the cost is estimated from: sizes and contents differ
_TRIED_FIELDS = 12  # fields of each of them: enough to measure, a second or two of work
_MOST_TRIED = 12  # videos that are tried if some of them cannot be read
_START = 4.0  # seconds until child processes have imported what they need
_LONGEST_STEM = 80  # bytes of a video's name in a file name; file systems allow 255 in all


@dataclass(frozen=True, kw_only=True)
class FlowSettings:
    """Settings of the flow of all videos, and how it is computed.

    Attributes:
        estimator: the estimator to use.
        size: (H, W) of the frames, or None for the native size.
        bound: longest displacement in pixels, or None for a sixteenth of the longer side.
        directions: directions of the flow.
        decoder: the decoder to use; ``auto`` uses the one that the manifest notes for each file.
        processes: number of child processes that work at a time.
        threads: number of threads of each child process.
    """

    estimator: FlowEstimator
    size: tuple[int, int] | None
    bound: float | None
    directions: tuple[Direction, ...]
    decoder: DecoderName
    processes: int
    threads: int

    @property
    def of_estimator(self) -> str:
        """The settings of the estimator, as the table has them."""
        return json.dumps(self.estimator.settings, sort_keys=True)

    def arguments(self, row: Row, path: Path) -> dict[str, Any]:
        """Return the arguments of `compute_flow_of` for one video, as plain data.

        Estimator and files are not among them.
        """
        decoding = decoding_of(row, self.decoder)
        return {
            "path": str(path),
            "decoder": decoding.decoder,
            "known_frames": decoding.known_frames or 0,
            "damaged": decoding.damaged,
            "indexed": {"bytes": row.bytes, "modified": row.modified, "video": row.video},
            "size": self.size,
            "bound": self.bound,
            "threads": self.threads,
        }

    def size_of(self, row: Row) -> tuple[int, int]:
        """Return the (H, W) that the fields of a video will have."""
        return self.size or (row.height, row.width)

    def match(self, found: FlowRow, row: Row | None) -> bool:
        """Return whether a flow video has these settings.

        Args:
            found: its row in the table.
            row: its video in the manifest; None if the manifest does not have the video.
        """
        size = self.size or (self.size_of(row) if row and row.height else found.size)
        bound = self.bound or default_bound(*size)
        return (found.estimator, found.settings, found.size, found.bound) == (
            self.estimator.name,
            self.of_estimator,
            size,
            bound,
        )


@dataclass(frozen=True, kw_only=True)
class Work:
    """A video and the flow videos that it still lacks.

    Attributes:
        row: the video's row in the manifest.
        path: path of the video.
        files: file name of the flow video for each direction.
    """

    row: Row
    path: Path
    files: dict[Direction, str]

    @property
    def fields(self) -> int:
        """The number of fields to estimate, in all directions together."""
        return max(self.row.frames - 1, 1) * len(self.files)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The expected cost of the work, extrapolated from a trial on a few frames.

    Attributes:
        seconds: time with all processes at work.
        bytes: disk space.
        longest: seconds that the longest video alone keeps one process busy.
    """

    seconds: float
    bytes: float
    longest: float


def earlier_rows(folder: Path) -> dict[tuple[str, Direction], FlowRow]:
    """Return the rows that an earlier call left in the folder, by video and direction."""
    if not (folder / TABLE).is_file():
        return {}
    return {(row.video, row.direction): row for row in read_rows(folder)}


def open_work(
    manifest: Manifest, folder: Path, settings: FlowSettings, *, fresh: bool
) -> tuple[list[Work], int]:
    """Return the videos that lack flow, and the number of flow videos that are already there.

    Args:
        manifest: the videos.
        folder: the folder of flow.
        settings: the settings that all flow in the folder must have.
        fresh: whether all flow is computed again, so that nothing counts as already there.

    Returns:
        The work, longest videos first, and the number of flow videos that are kept.

    Raises:
        InputError: If the folder contains flow with other settings.
    """
    earlier = {} if fresh else earlier_rows(folder)
    videos = {row.video: row for row in reversed(manifest.usable.rows)}  # segments share a video
    for found in earlier.values():
        if found.status == "ok":
            _check_settings(found, videos.get(found.video), settings, folder)
    todo, kept = [], 0
    for row in videos.values():
        files: dict[Direction, str] = {}
        for direction in settings.directions:
            there = earlier.get((row.video, direction))
            if there is not None and _is_whole(folder, there):
                kept += 1
            else:
                files[direction] = _file_name(row, direction)
        if files:
            todo.append(Work(row=row, path=manifest.path_of(row), files=files))
    return sorted(todo, key=lambda work: (-work.fields, work.row.path)), kept


def estimate_cost(todo: Sequence[Work], settings: FlowSettings, folder: Path) -> tuple[Cost, str]:
    """Estimate the cost of the work by computing a few fields of a few videos among all.

    Returns:
        The cost, and the first fault met ("" if there was none). The cost is zero if no video
        that was tried has flow.
    """
    step = max(1, len(todo) // _MOST_TRIED)
    tried: list[tuple[float, float]] = []  # seconds and bytes per pixel of a field
    faults: list[str] = []
    with scratch_folder(folder) as scratch:
        for work in todo[::step]:
            files: dict[Direction, str | Path] = {
                direction: scratch / name for direction, name in work.files.items()
            }
            try:
                if not tried:  # the first fields take longer than all others: do not measure them
                    _try(work, files, settings, fields=1)
                tried.append(_try(work, files, settings, fields=_TRIED_FIELDS))
            except FlowFault as fault:
                faults.append(f"{work.row.path}: {fault}")
            if len(tried) == _TRIED:
                break
    if not tried:
        return Cost(seconds=0.0, bytes=0.0, longest=0.0), faults[0]
    seconds, size = (sum(values) / len(tried) for values in zip(*tried, strict=True))
    pixels = [work.fields * _pixels(settings.size_of(work.row)) for work in todo]
    together = min(settings.processes, len(todo))
    cost = Cost(
        seconds=_START + max(seconds * sum(pixels) / together, seconds * max(pixels)),
        bytes=size * sum(pixels),
        longest=seconds * max(pixels),
    )
    return cost, "".join(faults[:1])


def check_disk(cost: Cost, folder: Path) -> None:
    """Refuse work whose flow videos would not fit on the disk.

    Raises:
        InputError: If the disk has less free space than the flow will take.
    """
    expected = "more room, a smaller size or less footage"
    require_disk_space(cost.bytes, folder, what="fields of flow", expected=expected)


def call_arguments(work: Work, settings: FlowSettings, scratch: Path) -> dict[str, Any]:
    """Return the arguments of `compute_guarded` for one video, as plain data.

    Args:
        work: the video.
        settings: the settings of its flow.
        scratch: the folder that the flow videos are written to.
    """
    package = type(settings.estimator).__module__.split(".")[0]
    return {
        **settings.arguments(work.row, work.path),
        "estimator": describe(settings.estimator),
        # The caller passed an object of this class, so a child process may build one too.
        "allow": [f"{package}."],
        "files": {direction: str(scratch / name) for direction, name in work.files.items()},
    }


def flow_rows(
    work: Work, settings: FlowSettings, folder: Path, *, made: VideoFlow | None, fault: str = ""
) -> list[FlowRow]:
    """Return the table's rows of one video.

    Args:
        work: the video.
        settings: the settings of its flow.
        folder: the folder of its flow videos.
        made: properties of its flow, or None if it has none.
        fault: why it has none.
    """
    height, width = (made.height, made.width) if made else settings.size_of(work.row)
    return [
        FlowRow(
            path=name if made else "",
            video=work.row.video,
            source=str(work.path),
            direction=direction,
            status="ok" if made else "bad",
            error=fault,
            frames=made.frames if made else work.row.frames,
            height=height,
            width=width,
            bound=made.bound if made else settings.bound or default_bound(height, width),
            clipped=made.clipped[direction] if made else 0.0,
            bytes=(folder / name).stat().st_size if made else 0,
            estimator=settings.estimator.name,
            settings=settings.of_estimator,
        )
        for direction, name in work.files.items()
    ]


def _try(
    work: Work, files: Mapping[Direction, str | Path], settings: FlowSettings, *, fields: int
) -> tuple[float, float]:
    """Return the seconds and bytes that one pixel of a field takes."""
    arguments = settings.arguments(work.row, work.path)
    made = compute_flow_of(files=files, estimator=settings.estimator, sample=fields, **arguments)
    pixels = (made.frames - 1) * made.height * made.width * len(files)
    return made.seconds / pixels, sum(Path(name).stat().st_size for name in files.values()) / pixels


def _pixels(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _is_whole(folder: Path, found: FlowRow) -> bool:
    file = folder / found.path
    return found.status == "ok" and file.is_file() and file.stat().st_size == found.bytes


def _check_settings(found: FlowRow, row: Row | None, settings: FlowSettings, folder: Path) -> None:
    """Refuse a folder in which a flow video has other settings."""
    if not settings.match(found, row):
        height, width = settings.size or (settings.size_of(row) if row else found.size)
        raise InputError(
            f"folder {str(folder)!r} contains flow of {found.source} by {found.estimator} "
            f"{found.settings} at {found.height}x{found.width}, bound {found.bound:g}; expected "
            f"{settings.estimator.name} {settings.of_estimator} at {height}x{width}, bound "
            f"{settings.bound or default_bound(height, width):g}: another folder, or --fresh"
        )


def _file_name(row: Row, direction: Direction) -> str:
    plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in Path(row.path).stem)
    video = "".join(c if c.isalnum() else "_" for c in row.video)
    end = plain.encode()[-_LONGEST_STEM:].decode(errors="ignore")  # no half letter at its start
    return f"{end.lstrip('.')}-{video[:_LONGEST_STEM]}-{direction}.mkv"
