"""Call a function in guarded child processes, so that a crash or a hang costs only one call.

Each worker is a fresh interpreter (never a fork, because decoders have threads). It imports the
function once and answers one call per line, as JSON, until a call fails; then a new interpreter
takes its place.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

Arguments = dict[str, Any]

# Seconds that a child may take to import the function: long, because importing a decoder from a
# slow network disk may take minutes. The time limit of a call starts afterwards.
_START_LIMIT = 180.0
_JOIN_LIMIT = 5.0  # seconds to wait for a thread whose child was killed; it ends at once
_LINE = 1024  # bytes of a line of a `Board`: enough for a path


@dataclass(frozen=True)
class Answer:
    """The result of one call.

    Attributes:
        call: index of the call, counted from 0.
        value: what the function returned, or None if it failed.
        failure: "timeout", "died" or "raised"; None if the function returned.
        words: the failure in words, without the name of the function.
    """

    call: int
    value: Any = None
    failure: Literal["timeout", "died", "raised"] | None = None
    words: str = ""


class ChildError(RuntimeError):
    """The child processes cannot import the function that they should call."""


class Board:
    """One line of text per worker in shared memory, readable even while the workers hang.

    Args:
        workers: number of lines.
    """

    def __init__(self, workers: int) -> None:
        # torch takes seconds to import, which the children of `guarded_calls` may do without.
        import torch

        self._lines = torch.zeros(workers, _LINE, dtype=torch.uint8).share_memory_()

    def write(self, worker: int, text: str) -> None:
        """Replace the line of one worker; a text that is too long loses its beginning."""
        kept = text.encode(errors="surrogateescape")[-_LINE:]
        line = self._lines.new_zeros(_LINE)
        line[: len(kept)] = self._lines.new_tensor(list(kept))
        self._lines[worker] = line

    def line(self, worker: int) -> str:
        """Return the line of one worker; "" if it has written none."""
        return bytes(self._lines[worker].tolist()).rstrip(b"\0").decode(errors="surrogateescape")

    def read(self) -> list[str]:
        """Return the lines that are not empty, in the order of the workers."""
        return [line for worker in range(len(self._lines)) if (line := self.line(worker))]


def guarded_calls(
    function: str, calls: Sequence[Arguments], *, workers: int, timeout: float
) -> Generator[Answer]:
    """Yield the answer to every call, in the order in which the calls finish.

    Args:
        function: "package.module:name"; takes keyword arguments and returns plain data (JSON).
        calls: keyword arguments of each call, also plain data.
        workers: number of children that work at the same time.
        timeout: seconds that one call may take before its child is killed.

    Raises:
        ChildError: If a child cannot import the function.
    """
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for call in range(len(calls)):
        todo.put(call)
    answers: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()
    team = [_Worker(function, timeout) for _ in range(min(workers, len(calls)))]
    threads = [
        threading.Thread(target=worker.work, args=(calls, todo, answers), daemon=True)
        for worker in team
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in calls:
            answer = answers.get()
            if isinstance(answer, Exception):
                raise answer
            yield answer
    finally:
        for worker in team:
            worker.end()
        for thread in threads:
            thread.join(timeout=_JOIN_LIMIT)


def serve(function: str, timeout: float) -> None:
    """Answer the calls on standard input until it closes; this is what a child runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its children itself
    replies = os.fdopen(os.dup(1), "w")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)  # text that libraries print must not mix with the replies
    try:
        module, _, name = function.partition(":")
        called = getattr(importlib.import_module(module), name)
    except Exception as error:
        _reply(replies, {"raised": f"{type(error).__name__}: {error}"})
        return
    _reply(replies, {"ready": True})
    for line in sys.stdin:
        # If the parent was killed while a call hangs, the child must still end some time.
        faulthandler.dump_traceback_later(2 * timeout + 10, exit=True)
        try:
            reply = {"value": called(**json.loads(line))}
        except Exception as error:
            reply = {"raised": f"{type(error).__name__}: {error}"}
        faulthandler.cancel_dump_traceback_later()
        _reply(replies, reply)


class _Worker:
    """One thread and its child process, which is replaced after a failure."""

    def __init__(self, function: str, timeout: float) -> None:
        self.function = function
        self.timeout = timeout
        self.child: subprocess.Popen[str] | None = None
        self.lock = threading.Lock()
        self.ended = False

    def work(
        self,
        calls: Sequence[Arguments],
        todo: queue.SimpleQueue[int],
        answers: queue.SimpleQueue[Answer | Exception],
    ) -> None:
        """Make calls until none is left or the worker is ended."""
        try:
            while not self.ended:
                call = todo.get_nowait()
                answers.put(self._answer(call, calls[call]))
        except queue.Empty:
            pass
        except Exception as error:  # `guarded_calls` raises it in its own thread
            answers.put(error)
        finally:
            self._dismiss()

    def end(self) -> None:
        """Kill the child, from another thread, and start no other."""
        with self.lock:
            self.ended = True
            if self.child is not None:
                self.child.kill()

    def _answer(self, call: int, arguments: Arguments) -> Answer:
        child = self._running()
        reply, late = _exchange(child, json.dumps(arguments), self.timeout)
        if reply is not None and "value" in reply:
            return Answer(call, value=reply["value"])
        self._dismiss()
        if reply is not None:
            return Answer(call, failure="raised", words=reply["raised"])
        if late:
            return Answer(call, failure="timeout", words=f"timed out after {self.timeout:g} s")
        return Answer(call, failure="died", words=f"reader died ({_cause(child.returncode)})")

    def _running(self) -> subprocess.Popen[str]:
        """Return the child, started if there is none, ready for a call."""
        if self.child is not None:
            return self.child
        with self.lock:
            if self.ended:
                raise ChildError("the calls were ended")
            self.child = child = _start(self.function, self.timeout)
        reply, late = _exchange(child, None, _START_LIMIT)
        if reply != {"ready": True}:
            self._dismiss()
            silent = f"no answer within {_START_LIMIT:g} s" if late else _cause(child.returncode)
            raise ChildError(
                f"{self.function} did not start: {(reply or {}).get('raised', silent)}"
            )
        return child

    def _dismiss(self) -> None:
        """End the child, if there is one."""
        with self.lock:
            child, self.child = self.child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):  # unsent text of a broken pipe
                if pipe is not None:
                    pipe.close()


def _start(function: str, timeout: float) -> subprocess.Popen[str]:
    code = f"from selfvid.data.video.guard import serve; serve({function!r}, {timeout!r})"
    paths = os.pathsep.join(str(Path(path).absolute()) for path in sys.path)
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code],  # nothing is imported from the current folder
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # One thread each: there are about as many children as cores.
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        text=True,
    )


def _exchange(
    child: subprocess.Popen[str], line: str | None, limit: float
) -> tuple[dict[str, Any] | None, bool]:
    """Send `line` to the child, if it is not None, and wait for a reply.

    Returns:
        The reply, or None if the child ended; and whether it was killed at the time limit.
    """
    late = threading.Event()

    def end() -> None:
        late.set()
        child.kill()

    watchdog = threading.Timer(limit, end)
    watchdog.daemon = True
    watchdog.start()
    reply = ""
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        if line is not None:
            child.stdin.write(line + "\n")
            child.stdin.flush()
        reply = child.stdout.readline()
    except OSError:
        pass  # the pipe is broken because the child ended: the reply stays empty
    finally:
        watchdog.cancel()
    return (json.loads(reply) if reply.endswith("\n") else None), late.is_set()


def _cause(code: int | None) -> str:
    """Return the signal or the exit code that ended a process, in words."""
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"


def _reply(replies: IO[str], message: dict[str, Any]) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()
