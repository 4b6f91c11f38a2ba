"""The loader: batches of clips that worker processes read in advance."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator, Iterable, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from selfvid.data.clips.dataset import ClipDataset, ClipKey, Loaded, SideBySide
from selfvid.data.video.guard import Board
from selfvid.errors import InputError
from selfvid.signals import SIGNALS
from selfvid.types import ClipBatch

__all__ = ["ClipDataset", "ClipKey", "ClipLoader", "Loaded", "clip_loader", "collate"]


def collate(items: list[Loaded]) -> ClipBatch:
    """Return the clips of several items as one batch.

    Raises:
        InputError: If no item has a clip.
    """
    clips = [clip for item in items for clip in item.clips]
    if not clips:
        raise InputError("a batch has no clips: all its videos are shorter than a clip")
    return ClipBatch.of(clips, tuple(fault for item in items for fault in item.faults))


class ClipLoader(DataLoader[Any]):
    """A DataLoader of `ClipBatch` that raises errors of its workers as one line.

    If no batch arrives before the time-out, the error names the files that were being read.
    """

    def __iter__(self) -> Generator[ClipBatch]:  # type: ignore[override]
        if self.num_workers:
            # Collect decoders that are no longer used before the workers are forked: closing one
            # in a worker would wait for threads that do not exist there.
            gc.collect()
        batches = super().__iter__()
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                return
            except RuntimeError as error:
                if "timed out" not in str(error):
                    raise
                board = self.dataset.dataset.board  # type: ignore[attr-defined]
                raise InputError(
                    f"no clip came within {self.timeout:g} s; the workers were reading "
                    f"{', '.join(board.read()) or 'nothing'}; remove the file that hangs, or "
                    "choose another decoder with SELFVID_DECODER"
                ) from None
            if isinstance(batch, InputError):
                raise batch
            yield batch


def clip_loader(
    dataset: ClipDataset | SideBySide,
    *,
    batches: Iterable[Sequence[ClipKey]] | None = None,
    batch_size: int = 8,
    workers: int = 0,
    timeout: float = 120.0,
) -> ClipLoader:
    """Return a loader of batches of clips.

    Args:
        dataset: the data set of the items.
        batches: the items of each batch; None takes all items in order.
        batch_size: items in a batch if `batches` is None.
        workers: number of processes that read; 0 reads in this process, where a file that never
            finishes reading cannot be noticed.
        timeout: seconds to wait for a batch before the loader gives up.

    Raises:
        InputError: If a number is out of its range.
    """
    if batch_size < 1 or workers < 0 or timeout <= 0:
        raise InputError(
            f"batch size is {batch_size}, workers {workers}, timeout {timeout}; expected at "
            "least 1, at least 0 and more than 0"
        )
    which: dict[str, Any] = {"batch_size": batch_size}
    if batches is not None:
        which = {"batch_sampler": batches}
    if workers:
        dataset.board = Board(workers)
        which |= {"timeout": timeout, "worker_init_fn": _start_worker}
    return ClipLoader(
        _Carrying(dataset),
        collate_fn=_carry_collated,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        **which,
    )


class _Carrying(Dataset[Any]):
    """A data set that returns an `InputError` instead of raising it.

    A DataLoader would turn an exception of a worker into a traceback of many lines.
    """

    def __init__(self, dataset: ClipDataset | SideBySide) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: ClipKey | int) -> Loaded | InputError:
        try:
            return self.dataset[key]
        except InputError as error:
            return error


def _carry_collated(items: list[Loaded | InputError]) -> ClipBatch | InputError:
    """Return the batch of the items, or the first error among them."""
    loaded = []
    for item in items:
        if isinstance(item, InputError):
            return item
        loaded.append(item)
    try:
        return collate(loaded)
    except InputError as error:
        return error


def _start_worker(worker: int) -> None:  # noqa: ARG001
    """Set up a worker process: its signals, its process group and its number of threads."""
    # The training process may catch SIGTERM to save first, but a worker that hangs must end.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Ctrl-C, `timeout` and job schedulers send a signal to a whole process group. Training then
    # finishes its step, for which it still needs the clips of its workers.
    for sign in SIGNALS:
        if sign != signal.SIGTERM:
            signal.signal(sign, signal.SIG_IGN)
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    torch.set_num_threads(1)
