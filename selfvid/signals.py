"""Signals that ask the program to end: they raise an exception, so that what was done is kept."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], None]

# Ctrl-C, the end that a scheduler or a container asks for, a terminal that is closed, and the
# warning that clusters send before the time is over. Windows has only the first two.
SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
    if hasattr(signal, name)
)
INTERRUPTED = 130  # exit code, as of shells after Ctrl-C
PATIENCE = 2.0  # seconds in which further signals are the same request


class Stopped(BaseException):
    """Raised where the program is when a signal asks it to end.

    It is no `Exception`: code that handles errors of any kind must not take it for one.
    """

    def __init__(self, number: int) -> None:
        self.name = signal.Signals(number).name
        super().__init__(f"stopped by {self.name}")


def handler_of(first: Callable[[int], None], *, later: Callable[[int], None]) -> Handler:
    """Return a handler of signals that takes repetitions for one request.

    Args:
        first: is called with the number of the first signal.
        later: is called with that of each signal which comes more than two seconds after the first.
    """
    began: list[float] = []

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        if not began:
            began.append(time.monotonic())
            first(number)
        elif time.monotonic() - began[0] > PATIENCE:
            later(number)

    return handle


def _end(number: int, *, words: str) -> None:
    # Without `print`: the signal may have come while something else was printed.
    os.write(2, f"selfvid: {words.format(signal.Signals(number).name)}\n".encode())
    os._exit(INTERRUPTED)


@contextmanager
def raised_signals(*, begun: bool = True) -> Iterator[Callable[[], None]]:
    """Raise `Stopped` in the block for the first signal that asks the program to end.

    Further signals in the next two seconds change nothing, because schedulers repeat them. A later
    one ends the process at once. Outside the main thread nothing is changed.

    Args:
        begun: whether there is work that could be kept. If not, the first signal ends the process
            at once too: a library that is being imported may take an exception for an error of its
            own.

    Yields:
        A function to call when the work begins.
    """
    working = threading.Event()
    if begun:
        working.set()

    def stop(number: int) -> None:
        if not working.is_set():
            _end(number, words="stopped by {} before it began")
        raise Stopped(number)

    if threading.current_thread() is not threading.main_thread():
        yield working.set
        return
    handler = handler_of(stop, later=partial(_end, words="ended at once by {}"))
    former: dict[int, Any] = {sign: signal.signal(sign, handler) for sign in SIGNALS}
    try:
        yield working.set
    finally:
        for sign, handler in former.items():
            signal.signal(sign, handler)
