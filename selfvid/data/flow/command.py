"""`selfvid flow`: optical flow of every video, computed once, in parallel, resumable."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from selfvid.data.flow.folder import FlowFolder, FlowRow, write_rows
from selfvid.data.flow.learnt import LearntFlow
from selfvid.data.flow.plan import (
    Asked,
    Cost,
    Work,
    call_of,
    check_disk,
    estimate_cost,
    flow_rows,
    known_films,
    open_work,
)
from selfvid.data.flow.work import FlowOfVideo
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import DecoderName, resolve_decoder
from selfvid.data.video.guard import guarded_calls
from selfvid.errors import InputError
from selfvid.flow.estimate import DIS, TVL1, Farneback, FlowEstimator
from selfvid.flow.quantise import Direction, flow_step
from selfvid.flow.raft import RAFT
from selfvid.saving.whole import format_bytes, format_seconds

_MOST = 5  # faults that are listed one by one


def announce(todo: Sequence[Work], kept: int, asked: Asked, cost: Cost, folder: Path) -> str:
    """What is about to be done and what it will take."""
    size = "native size" if asked.size is None else f"{asked.size[0]}x{asked.size[1]}"
    there = f"; {kept} files are there already" if kept else ""
    processes = f"{asked.processes} process{'es' * (asked.processes > 1)}"
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
            f"({', '.join(asked.directions)}) at {size} by {asked.estimator.name}{there}",
            f"about      {about}",
        ]
    )


def summarise(
    rows: Sequence[FlowRow], todo: Sequence[Work], kept: int, *, seconds: float, folder: Path
) -> str:
    """What came of it, several lines of text."""
    whole = [row for row in rows if row.status == "ok"]
    bad = [row for row in rows if row.status == "bad"]
    names = {name for work in todo for name in work.files.values()}
    new = [row for row in whole if row.path in names]
    fields = sum(row.frames - 1 for row in new)
    lines = [
        f"computed   {len(new)} files, {fields:,} fields in {format_seconds(seconds)}"
        + (f" ({fields / seconds:.0f} a second)" if new else "")
        + (f"; {kept} were there already" if kept else "")
    ]
    if whole:
        lines += [_sizes(whole), _bounds(whole)]
    lines += [f"bad        {row.source}: {row.error}" for row in bad[:_MOST]]
    if len(bad) > _MOST:
        lines.append(f"           and {len(bad) - _MOST} more, in the column error")
    return "\n".join([*lines, f"written    {folder}"])


def _sizes(whole: Sequence[FlowRow]) -> str:
    fields = sum(row.frames - 1 for row in whole)
    size = sum(row.bytes for row in whole)
    plain = sum(2 * (row.frames - 1) * row.height * row.width for row in whole)
    share = f"{size / plain:.0%} of their eight bits"
    return f"disk       {format_bytes(size)} for {fields:,} fields, {share}"


def _bounds(whole: Sequence[FlowRow]) -> str:
    values = [(row.frames - 1) * row.height * row.width for row in whole]
    clipped = sum(row.clipped * count for row, count in zip(whole, values, strict=True)) / sum(
        values
    )
    bounds = sorted({row.bound for row in whole})
    told = " to ".join(f"{bound:g}" for bound in dict.fromkeys((bounds[0], bounds[-1])))
    worst = max(whole, key=lambda row: row.clipped)
    most = f", at most {worst.clipped:.2%} ({worst.source})" if clipped else ""
    return (
        f"bound      {told} pixels, error within it at most {flow_step(bounds[-1]) / 2:.3g}; "
        f"beyond it {clipped:.3%} of values{most}"
    )


COMPUTE = "selfvid.data.flow.work:compute_guarded"

_NAMES = {"dis": DIS, "farneback": Farneback, "tvl1": TVL1, "raft": RAFT}
_SAVE_EVERY = 10.0  # seconds between two tables
# A child is given up after so many times what the longest video should take, and never sooner
# than after the least: a disk or a neighbour may be slow.
_PATIENCE, _LEAST_PATIENCE = 30.0, 300.0


def compute_flow(
    manifest: Path | Manifest,
    *,
    out: Path,
    estimator: Literal["dis", "farneback", "tvl1", "raft"] | FlowEstimator | str = "dis",
    size: int | tuple[int, int] | None = None,
    bound: float | None = None,
    direction: Literal["forward", "backward", "both"] = "forward",
    workers: int | None = None,
    decoder: DecoderName = "auto",
    fresh: bool = False,
    quiet: bool = False,
) -> FlowFolder:
    """Compute optical flow of every video once; say beforehand what it takes.

    Flow is kept in eight bits, losslessly packed, one file for each video and direction, beside
    flow.csv. The same command goes on where it was interrupted and computes only what is not
    there; videos that fail are named in the table and do not stop the others.

    Args:
        manifest: the videos, as `selfvid index` wrote them.
        out: folder for the flow.
        estimator: "dis", "farneback", "tvl1" (needs opencv-contrib), "raft" (needs its weights),
            the folder of a run that learnt to predict flow, or the class path of an estimator.
        size: height and width that frames are resized to while they are decoded, one number for
            both; the size of training is the one to choose. By default the native size.
        bound: longest displacement along x or y in pixels; longer ones are clipped, counted and
            reported. By default a sixteenth of a frame's longer side.
        direction: "forward" is from each frame to the next, "backward" from each frame to the
            one before, "both" computes the two.
        workers: processes; by default one per core, one in all where a GPU estimates.
        decoder: who decodes.
        fresh: compute again what is there, also with other settings.
        quiet: print neither estimate, progress nor summary.

    Returns:
        The folder, to be read from.

    Raises:
        InputError: where an argument does not fit, the folder holds flow of other settings, the
            disk is too small or no video gives flow.
    """
    whole = manifest if isinstance(manifest, Manifest) else Manifest.read(manifest)
    if not len(whole.usable):
        raise InputError(f"manifest has no usable video among {len(whole)} rows")
    asked = _asked(estimator, size, bound, direction, workers, decoder)
    folder = _made_folder(Path(out))
    todo, kept = open_work(whole, folder, asked, fresh=fresh)
    began = time.monotonic()
    if todo:
        cost, fault = estimate_cost(todo, asked, folder)
        if not cost.seconds and not kept:
            raise InputError(f"no video that was tried gives flow: {fault}")
        if not quiet:
            print(announce(todo, kept, asked, cost, folder), flush=True)
        check_disk(cost, folder)
        _compute(todo, asked, cost, folder, quiet=quiet)
    found = FlowFolder(folder)
    videos = {row.video for row in whole.usable.rows}
    mine = [row for row in found.rows if row.video in videos and row.direction in asked.directions]
    if not quiet:
        print(summarise(mine, todo, kept, seconds=time.monotonic() - began, folder=folder))
    bad = [row for row in mine if row.status == "bad"]
    if len(bad) == len(mine):
        raise InputError(f"none of {len(bad)} files came about; {bad[0].source}: {bad[0].error}")
    return found


def _compute(todo: list[Work], asked: Asked, cost: Cost, folder: Path, *, quiet: bool) -> None:
    """Let children compute; keep each file as soon as it is whole."""
    rows = known_films(folder)
    saved = time.monotonic()
    bar = tqdm(total=sum(w.fields for w in todo), unit="field", desc="flow", disable=quiet)
    try:
        with bar, contextlib.closing(_flow_files(todo, asked, cost, folder)) as files:
            for work, made in files:
                rows.update({(row.video, row.direction): row for row in made})
                bar.update(work.fields)
                if time.monotonic() - saved > _SAVE_EVERY:
                    write_rows(folder, _in_order(rows))
                    saved = time.monotonic()
    except KeyboardInterrupt:
        whole = sum(row.status == "ok" for row in rows.values())
        print(
            f"\ninterrupted: {whole} files are whole and kept; the same command goes on from there",
            file=sys.stderr,
        )
        raise
    finally:
        write_rows(folder, _in_order(rows))


def _flow_files(
    todo: list[Work], asked: Asked, cost: Cost, folder: Path
) -> Generator[tuple[Work, list[FlowRow]]]:
    """Each video with its new rows, as they come."""
    patience = max(_LEAST_PATIENCE, _PATIENCE * cost.longest)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder) as scratch:
        calls = [call_of(work, asked, Path(scratch)) for work in todo]
        answers = guarded_calls(COMPUTE, calls, workers=asked.processes, timeout=patience)
        with contextlib.closing(answers):
            for answer in answers:
                work = todo[answer.call]
                fault = answer.words or answer.value.get("fault", "")
                if fault:
                    yield work, flow_rows(work, asked, folder, file=None, fault=fault)
                    continue
                for name in work.files.values():
                    (Path(scratch) / name).replace(folder / name)
                yield work, flow_rows(work, asked, folder, file=FlowOfVideo(**answer.value))


def _asked(
    estimator: FlowEstimator | str,
    size: int | tuple[int, int] | None,
    bound: float | None,
    direction: Literal["forward", "backward", "both"],
    workers: int | None,
    decoder: DecoderName,
) -> Asked:
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
    chosen = _chosen(estimator)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    processes = workers or (1 if chosen.on_gpu else cores or 1)
    return Asked(
        estimator=chosen,
        size=height_width,
        bound=bound,
        directions=both if direction == "both" else (direction,),
        decoder=resolve_decoder(decoder),
        processes=processes,
        threads=max(1, (cores or 1) // processes),
    )


def _chosen(estimator: FlowEstimator | str) -> FlowEstimator:
    """The estimator of that name, or in that run's folder."""
    if isinstance(estimator, FlowEstimator):
        return estimator
    if estimator in _NAMES:
        return _NAMES[estimator]()
    if not Path(estimator).is_dir():
        raise InputError(
            f"estimator {estimator!r} is neither a name nor a folder; expected one of "
            f"{', '.join(_NAMES)}, a run that predicts flow, or a class path"
        )
    return LearntFlow(estimator)


def _made_folder(folder: Path) -> Path:
    if folder.is_file() or not (folder.is_dir() or folder.absolute().parent.is_dir()):
        raise InputError(
            f"folder {str(folder)!r} cannot be made; expected a folder, or a new name in one"
        )
    folder.mkdir(exist_ok=True)
    return folder


def _in_order(rows: dict[tuple[str, Direction], FlowRow]) -> list[FlowRow]:
    return sorted(rows.values(), key=lambda row: (row.source, row.direction))
