"""The loader: batches of clips that worker processes read in advance."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from selfvid.data.clips.dataset import ClipDataset, ClipKey, Loaded, SideBySide
from selfvid.data.clips.workers import death, end, share, silence, unblocked
from selfvid.data.video.guard import Board
from selfvid.errors import InputError
from selfvid.signals import SIGNALS
from selfvid.types import ClipBatch

_LOOK = 2.0  # seconds between two looks at workers that give no batch

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

    If a worker dies, or no batch arrives before the time-out, the error says why and names the
    files that were being read.

    Args:
        dataset: a data set whose attribute `dataset` has a `board`.
        timeout: seconds to wait for a batch; 0 waits for ever.
        more: further arguments of `DataLoader`.
    """

    def __init__(self, dataset: Dataset[Any], *, timeout: float = 0.0, **more: Any) -> None:
        super().__init__(dataset, timeout=min(timeout, _LOOK), **more)
        self.patience = timeout

    def __iter__(self) -> Generator[ClipBatch]:  # type: ignore[override]
        if not self.num_workers:
            yield from map(_raised, super().__iter__())
            return
        # Collect decoders that are no longer used before the workers are forked: closing one
        # in a worker would wait for threads that do not exist there.
        gc.collect()
        with _child_signals_as_they_were():
            batches: Any = super().__iter__()
        try:
            while True:
                try:
                    batch = self._next(batches)
                except StopIteration:
                    return
                yield _raised(batch)
        finally:
            end(batches._workers, batches._shutdown_workers)

    def _next(self, batches: Any) -> Any:
        """Return the next batch, and look after the workers as long as there is none."""
        workers, board = batches._workers, self.dataset.dataset.board  # type: ignore[attr-defined]
        began = time.monotonic()
        with unblocked(workers, after=self.patience + _LOOK) as stopped:
            while True:
                try:
                    return next(batches)
                except StopIteration:
                    raise
                except Exception as error:
                    late = isinstance(error, RuntimeError) and "timed out" in str(error)
                    cause = None if stopped else death(workers, board, wait=0 if late else _LOOK)
                    if cause is None and not stopped and not late:
                        raise
                if cause is not None:
                    raise cause
                if stopped or time.monotonic() - began >= self.patience:
                    raise silence(workers, board, self.patience, stopped=stopped)


@contextmanager
def _child_signals_as_they_were() -> Iterator[None]:
    """Context manager that takes back the signal handler that a DataLoader installs.

    The handler raises an error wherever the program is when a worker dies, and that error does not
    know the file. A `ClipLoader` looks after its workers itself.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGCHLD"):
        yield
        return
    before = signal.getsignal(signal.SIGCHLD)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL if before is None else before)


def _raised(batch: Any) -> Any:
    """Return a batch, or raise the error that a worker returned in place of one."""
    if isinstance(batch, InputError):
        raise batch
    return batch


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
        batch = collate(loaded)
        share(batch.tensors.values())
        return batch
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
