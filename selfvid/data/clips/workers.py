"""Loading processes that die, stand still or find no shared memory: the cause, in words."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from torch import Tensor
from torch.utils.data import get_worker_info

from selfvid.data.video.guard import Board
from selfvid.errors import InputError

_MOMENT = 0.05  # seconds between two looks for a process that is just dying
_SHARED_MEMORY = Path("/dev/shm")  # where Linux keeps the memory that processes share
# Signals by which a decoder ends its own process. SIGKILL comes from outside.
_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)


class ReaderDied(InputError):
    """A file killed the process that read it.

    Attributes:
        path: the file.
    """

    def __init__(self, path: str, words: str) -> None:
        super().__init__(words)
        self.path = path


def share(tensors: Iterable[Tensor | None]) -> None:
    """Move tensors into shared memory, in which a loading process hands them over.

    PyTorch would do it later, in a thread whose errors nobody sees.

    Raises:
        InputError: If there is too little shared memory.
    """
    if get_worker_info() is None:
        return
    whole = [tensor for tensor in tensors if tensor is not None]
    try:
        for tensor in whole:
            tensor.share_memory_()
    except (RuntimeError, OSError) as error:
        size = sum(tensor.numel() * tensor.element_size() for tensor in whole)
        raise InputError(
            f"a batch takes {size / 1e6:.1f} MB of shared memory and {_free()}; expected more, "
            "fewer --workers, or --workers 0, which needs none (Docker gives 64 MB unless it is "
            "started with --shm-size)"
        ) from error


def _free() -> str:
    if not _SHARED_MEMORY.is_dir():
        return "there is too little"
    usage = shutil.disk_usage(_SHARED_MEMORY)
    return f"{_SHARED_MEMORY} has {usage.free / 1e6:.1f} MB free of {usage.total / 1e6:.1f} MB"


def death(workers: Sequence[BaseProcess], board: Board | None, *, wait: float) -> InputError | None:
    """Return the error about the first process that died; None if all live or ended well.

    Args:
        workers: the processes.
        board: where they write what they read.
        wait: seconds to wait for a death of which only an effect was seen so far.
    """
    began = time.monotonic()
    while True:
        for number, worker in enumerate(workers):
            if worker.exitcode:
                return _died(worker.exitcode, "" if board is None else board.line(number))
        if time.monotonic() - began >= wait:
            return None
        time.sleep(_MOMENT)


@contextmanager
def unblocked(workers: Sequence[BaseProcess], *, after: float) -> Iterator[list[str]]:
    """Context manager that kills stopped processes after some seconds.

    A batch is handed over by the process that made it. If that one is stopped just then, only its
    end lets this process go on.

    Yields:
        The ids of the processes that were killed.
    """
    killed: list[str] = []

    def look() -> None:
        for worker in workers:
            if _is_stopped(worker):
                killed.append(str(worker.pid))
                worker.kill()

    timer = threading.Timer(after, look)
    timer.daemon = True
    timer.start()
    try:
        yield killed
    finally:
        timer.cancel()


def _died(code: int, path: str) -> InputError:
    at = f" while reading {path}" if path else ""
    if code == -signal.SIGKILL:
        return InputError(
            f"a loading process was killed{at}: a system that runs out of memory kills so; "
            "expected more memory, smaller batches or fewer --workers"
        )
    cause = f"exit code {code}"
    if code < 0:
        cause = signal.Signals(-code).name
    words = f"a loading process died ({cause}){at}; expected files that can be read"
    if path and -code in _CRASHES:
        return ReaderDied(path, f"{words}: remove this one, or choose another --decoder")
    return InputError(words)


def silence(
    workers: Sequence[BaseProcess], board: Board | None, seconds: float, *, stopped: Sequence[str]
) -> InputError:
    """Return the error about processes that gave no batch for so many seconds.

    Args:
        workers: the processes.
        board: where they write what they read.
        seconds: how long there was no batch.
        stopped: ids of processes that were stopped and are killed already.
    """
    stopped = [*stopped, *(str(worker.pid) for worker in workers if _is_stopped(worker))]
    if stopped:
        return InputError(
            f"no clip came within {seconds:g} s: loading process {', '.join(stopped)} is stopped "
            "by a signal (SIGSTOP); expected it to run, resume the run"
        )
    reading = ", ".join(board.read()) if board is not None else ""
    return InputError(
        f"no clip came within {seconds:g} s; the workers were reading {reading or 'nothing'}; "
        "remove the file that hangs, or choose another decoder with SELFVID_DECODER"
    )


def _is_stopped(worker: BaseProcess) -> bool:
    try:
        state = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):  # no Linux, or the process has ended
        return False
    return state in "Tt"


def end(workers: Sequence[BaseProcess], ask: Callable[[], None]) -> None:
    """End processes: ask them first, and kill those that stand still or do not answer.

    A process that is stopped by a signal would let the program wait for ever at its end.

    Args:
        workers: the processes.
        ask: asks them to end and waits a few seconds.
    """
    _kill([worker for worker in workers if _is_stopped(worker)])
    ask()
    _kill(workers)


def _kill(workers: Sequence[BaseProcess]) -> None:
    for worker in workers:
        if worker.is_alive():
            worker.kill()
            worker.join()
