"""Signals that ask the program to end: they raise an exception, so that what was done is kept."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def _stop(number: int) -> None:
    raise Stopped(number)


def _end_at_once(number: int) -> None:
    print(f"selfvid: ended at once by {signal.Signals(number).name}", file=sys.stderr)
    os._exit(INTERRUPTED)


@contextmanager
def raised_signals() -> Iterator[None]:
    """Raise `Stopped` in the block for the first signal that asks the program to end.

    Further signals in the next two seconds change nothing, because schedulers repeat them. A later
    one ends the process at once. Outside the main thread nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = handler_of(_stop, later=_end_at_once)
    former: dict[int, Any] = {sign: signal.signal(sign, handler) for sign in SIGNALS}
    try:
        yield
    finally:
        for sign, handler in former.items():
            signal.signal(sign, handler)
