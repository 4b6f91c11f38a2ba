"""`selfvid flow`: optical flow of every video, computed once, in parallel, and resumable."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from selfvid.data.flow.folder import FlowFolder, FlowRow, write_rows
from selfvid.data.flow.origin import find_estimator
from selfvid.data.flow.plan import (
    Cost,
    FlowSettings,
    Work,
    call_arguments,
    check_disk,
    earlier_rows,
    estimate_cost,
    flow_rows,
    open_work,
)
from selfvid.data.flow.work import VideoFlow
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import DecoderName, resolve_decoder
from selfvid.data.video.guard import guarded_calls
from selfvid.errors import InputError
from selfvid.flow.estimate import FlowEstimator
from selfvid.flow.quantise import Direction, flow_step
from selfvid.saving.whole import format_bytes, format_seconds, scratch_folder, to_disk
from selfvid.signals import Stopped

COMPUTE = "selfvid.data.flow.work:compute_guarded"  # the function that child processes call

_SAVE_EVERY = 10.0  # seconds between two writings of the table: an interruption loses no more
# A child process is stopped after 30 times the time that the longest video should take, but not
# before 300 seconds: a disk or another program may be slow.
_PATIENCE, _LEAST_PATIENCE = 30.0, 300.0
_MOST_FAULTS = 5  # faults that are listed one by one; more would hide the summary


def compute_flow(
    manifest: Path | str | Manifest,
    *,
    out: Path | str,
    estimator: Literal["dis", "farneback", "tvl1", "raft"] | FlowEstimator | str = "dis",
    size: int | tuple[int, int] | None = None,
    bound: float | None = None,
    direction: Literal["forward", "backward", "both"] = "forward",
    workers: int | None = None,
    decoder: DecoderName = "auto",
    fresh: bool = False,
    quiet: bool = False,
) -> FlowFolder:
    """Compute the optical flow of every video, after printing how long it will take.

    Flow is stored in eight bits and compressed without loss, in one file (a flow video) for each
    video and direction, with the table flow.csv. After an interruption, the same command
    computes only what is missing. Videos that fail are named in the table and do not stop the
    others.

    Args:
        manifest: the videos, as `selfvid index` wrote them.
        out: folder for the flow.
        estimator: "dis", "farneback", "tvl1" (needs opencv-contrib), "raft" (needs its weights),
            the folder of a run that learnt to predict flow, or the class path of an estimator.
        size: height and width that frames are resized to while they are decoded, one number for
            both; choose the size that training will use. The default is the native size.
        bound: longest displacement along x or y in pixels; longer ones are clipped, counted and
            reported. The default is a sixteenth of a frame's longer side.
        direction: "forward" is from each frame to the next, "backward" from each frame to the
            one before, "both" computes the two.
        workers: number of processes; the default is one per core, or one in all if the estimator
            uses a GPU.
        decoder: the decoder to use.
        fresh: compute flow that is already there again; its settings may then differ.
        quiet: do not print estimate, progress and summary.

    Returns:
        The folder, ready to be read from.

    Raises:
        InputError: If an argument is not valid, the folder contains flow with other settings, the
            disk is too small or no video has flow.
    """
    whole = manifest if isinstance(manifest, Manifest) else Manifest.read(manifest)
    if not len(whole.usable):
        raise InputError(f"manifest has no usable video among {len(whole)} rows")
    settings = _settings(estimator, size, bound, direction, workers, decoder)
    folder = _made_folder(Path(out))
    todo, kept = open_work(whole, folder, settings, fresh=fresh)
    began = time.monotonic()
    if todo:
        cost, fault = estimate_cost(todo, settings, folder)
        if not cost.seconds and not kept:
            raise InputError(f"no video that was tried gives flow: {fault}")
        if not quiet:
            print(_announcement(todo, kept, settings, cost, folder), flush=True)
        check_disk(cost, folder)
        _compute(todo, settings, cost, folder, quiet=quiet)
    found = FlowFolder(folder)
    videos = {row.video for row in whole.usable.rows}
    rows = [r for r in found.rows if r.video in videos and r.direction in settings.directions]
    if not quiet:
        print(_summary(rows, todo, kept, seconds=time.monotonic() - began, folder=folder))
    bad = [row for row in rows if row.status == "bad"]
    if len(bad) == len(rows):
        raise InputError(
            f"none of {len(bad)} flow videos could be computed; {bad[0].source}: {bad[0].error}"
        )
    return found


def _settings(
    estimator: FlowEstimator | str,
    size: int | tuple[int, int] | None,
    bound: float | None,
    direction: Literal["forward", "backward", "both"],
    workers: int | None,
    decoder: DecoderName,
) -> FlowSettings:
    """Check the arguments of the command and return them as settings."""
    if bound is not None:
        flow_step(bound)
    if workers is not None and workers < 1:
        raise InputError(f"workers is {workers}; expected 1 or more")
    height_width = (size, size) if isinstance(size, int) else size
    if height_width is not None and min(height_width) < 1:
        raise InputError(f"size is {size}; expected at least 1 pixel")
    if direction not in ("forward", "backward", "both"):
        raise InputError(f"direction is {direction!r}; expected forward, backward or both")
    both: tuple[Direction, ...] = ("forward", "backward")
    chosen = find_estimator(estimator)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    processes = workers or (1 if chosen.on_gpu else cores or 1)
    return FlowSettings(
        estimator=chosen,
        size=height_width,
        bound=bound,
        directions=both if direction == "both" else (direction,),
        decoder=resolve_decoder(decoder),
        processes=processes,
        threads=max(1, (cores or 1) // processes),
    )


def _made_folder(folder: Path) -> Path:
    if folder.is_file() or not (folder.is_dir() or folder.absolute().parent.is_dir()):
        raise InputError(
            f"folder {str(folder)!r} cannot be made; expected a folder, or a new name in one"
        )
    folder.mkdir(exist_ok=True)
    return folder


def _compute(
    todo: list[Work], settings: FlowSettings, cost: Cost, folder: Path, *, quiet: bool
) -> None:
    """Compute flow in child processes, and keep each flow video as soon as it is complete."""
    rows = earlier_rows(folder)
    saved = time.monotonic()
    bar = tqdm(total=sum(w.fields for w in todo), unit="field", desc="flow", disable=quiet)
    try:
        with bar, contextlib.closing(_flow_videos(todo, settings, cost, folder)) as videos:
            for work, made in videos:
                rows.update({(row.video, row.direction): row for row in made})
                bar.update(work.fields)
                if time.monotonic() - saved > _SAVE_EVERY:
                    write_rows(folder, _in_order(rows))
                    saved = time.monotonic()
    except (KeyboardInterrupt, Stopped):
        whole = sum(row.status == "ok" for row in rows.values())
        print(
            f"\ninterrupted: {whole} flow videos are complete and kept; run the same command "
            "again to continue",
            file=sys.stderr,
        )
        raise
    finally:
        write_rows(folder, _in_order(rows))


def _flow_videos(
    todo: list[Work], settings: FlowSettings, cost: Cost, folder: Path
) -> Generator[tuple[Work, list[FlowRow]]]:
    """Yield each video with its new rows of the table, in the order in which they are finished."""
    patience = max(_LEAST_PATIENCE, _PATIENCE * cost.longest)
    with scratch_folder(folder) as scratch:
        calls = [call_arguments(work, settings, scratch) for work in todo]
        answers = guarded_calls(COMPUTE, calls, workers=settings.processes, timeout=patience)
        with contextlib.closing(answers):
            for answer in answers:
                work = todo[answer.call]
                fault = answer.words or answer.value.get("fault", "")
                if fault:
                    yield work, flow_rows(work, settings, folder, made=None, fault=fault)
                    continue
                for name in work.files.values():
                    to_disk(scratch / name)
                    (scratch / name).replace(folder / name)
                yield work, flow_rows(work, settings, folder, made=VideoFlow(**answer.value))


def _in_order(rows: dict[tuple[str, Direction], FlowRow]) -> list[FlowRow]:
    return sorted(rows.values(), key=lambda row: (row.source, row.direction))


def _announcement(
    todo: Sequence[Work], kept: int, settings: FlowSettings, cost: Cost, folder: Path
) -> str:
    """Describe in two lines what will be computed and what it will take."""
    size = "native size" if settings.size is None else f"{settings.size[0]}x{settings.size[1]}"
    there = f"; {kept} flow videos are already there" if kept else ""
    processes = f"{settings.processes} process{'es' * (settings.processes > 1)}"
    free = f"{format_bytes(shutil.disk_usage(folder).free)} free"
    about = (
        f"{format_seconds(cost.seconds)} with {processes}, {format_bytes(cost.bytes)} of disk "
        f"({free})"
    )
    if not cost.seconds:
        about = "unknown: no video that was tried gives flow"
    return "\n".join(
        [
            f"flow       {len(todo)} videos, {sum(work.fields for work in todo):,} fields "
            f"({', '.join(settings.directions)}) at {size} by {settings.estimator.name}{there}",
            f"about      {about}",
        ]
    )


def _summary(
    rows: Sequence[FlowRow], todo: Sequence[Work], kept: int, *, seconds: float, folder: Path
) -> str:
    """Describe the flow in the folder in several lines: what is new, its size, bound and faults."""
    whole = [row for row in rows if row.status == "ok"]
    bad = [row for row in rows if row.status == "bad"]
    names = {name for work in todo for name in work.files.values()}
    new = [row for row in whole if row.path in names]
    fields = sum(row.frames - 1 for row in new)
    lines = [
        f"computed   {len(new)} flow videos, {fields:,} fields in {format_seconds(seconds)}"
        + (f" ({fields / seconds:.0f} a second)" if new else "")
        + (f"; {kept} were already there" if kept else "")
    ]
    if whole:
        lines += [_sizes(whole), _bounds(whole)]
    lines += [f"bad        {row.source}: {row.error}" for row in bad[:_MOST_FAULTS]]
    if len(bad) > _MOST_FAULTS:
        lines.append(f"           and {len(bad) - _MOST_FAULTS} more, in the column error")
    return "\n".join([*lines, f"written    {folder}"])


def _sizes(whole: Sequence[FlowRow]) -> str:
    fields = sum(row.frames - 1 for row in whole)
    size = sum(row.bytes for row in whole)
    plain = sum(2 * (row.frames - 1) * row.height * row.width for row in whole)  # uncompressed
    share = f"{size / plain:.0%} of their size without compression"
    return f"disk       {format_bytes(size)} for {fields:,} fields, {share}"


def _bounds(whole: Sequence[FlowRow]) -> str:
    values = [(row.frames - 1) * row.height * row.width for row in whole]
    clipped = sum(row.clipped * count for row, count in zip(whole, values, strict=True)) / sum(
        values
    )
    bounds = sorted({row.bound for row in whole})
    span = " to ".join(f"{bound:g}" for bound in dict.fromkeys((bounds[0], bounds[-1])))
    worst = max(whole, key=lambda row: row.clipped)
    most = f", at most {worst.clipped:.2%} ({worst.source})" if clipped else ""
    return (
        f"bound      {span} pixels, error within it at most {flow_step(bounds[-1]) / 2:.3g}; "
        f"beyond it {clipped:.3%} of values{most}"
    )
