"""Running the commands of the matrix once each, and guessing how long the others will take."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from selfvid.cli.commands import main
from selfvid.saving.printable import shell_word
from selfvid.saving.whole import write_whole

TYPICAL = {"index": 60.0, "flow": 200.0, "pretrain": 240.0, "probe": 120.0, "finetune": 600.0}
"""Seconds of a command that has not been run yet, on one core, on UT-Interaction."""
OTHERS = 15.0
INTERRUPTED = 130  # the exit code of a command that a signal ended


@dataclass(frozen=True)
class Job:
    """A command of `selfvid`.

    Attributes:
        name: its place in the matrix, such as ``ut/coherence/probe``.
        words: the command and its arguments; paths start from the folder of the work.
        out: the run that it makes and can resume; empty for a command that begins anew.
    """

    name: str
    words: tuple[str, ...]
    out: str = ""

    @property
    def kind(self) -> str:
        """The command and the row it belongs to, which say how long it takes."""
        return f"{self.words[0]} {'/'.join(self.name.split('/')[:2])}"

    @property
    def line(self) -> str:
        """The command line."""
        return " ".join(["selfvid", *map(shell_word, self.words)])


class Work:
    """The folder in which commands are run, and their records.

    Args:
        folder: the folder; it is made if it is not there.
        dry: only print the commands.
        inside: run the commands in this process, which spares their start.
    """

    def __init__(self, folder: Path, *, dry: bool = False, inside: bool = False) -> None:
        self.folder, self.dry, self.inside = folder.absolute(), dry, inside
        self.folder.mkdir(parents=True, exist_ok=True)
        self.seconds: dict[str, list[float]] = {}
        for path in sorted((self.folder / "jobs").rglob("*.json")):
            kept = json.loads(path.read_text())
            if kept["seconds"] is not None:
                self.seconds.setdefault(kept["kind"], []).append(kept["seconds"])

    def record(self, job: Job) -> Path:
        """Return the file that says that the command was run."""
        return self.folder / "jobs" / f"{job.name}.json"

    def is_done(self, job: Job) -> bool:
        """Whether the command was run to its end.

        Raises:
            SystemExit: If another command was run in its place.
        """
        path = self.record(job)
        if not path.is_file():
            return False
        before = json.loads(path.read_text())["command"]
        if before != job.line:
            sys.exit(
                f"{job.name} was made by\n  {before}\nand is now\n  {job.line}\n"
                f"expected the same; delete {path} and its result, or name another --work"
            )
        return True

    def guess(self, jobs: Sequence[Job]) -> float:
        """Return how many seconds the commands that are not done will take."""
        return sum(self._guess(job) for job in jobs if not self.is_done(job))

    def _guess(self, job: Job) -> float:
        known = self.seconds.get(job.kind) or [
            each
            for kind, seconds in self.seconds.items()
            if kind.split()[0] == job.words[0]
            for each in seconds
        ]
        if known:
            return sum(known) / len(known)
        return TYPICAL.get(job.words[0], OTHERS)

    def carry_out(self, jobs: Sequence[Job]) -> list[Job]:
        """Run the commands that are not done, and return those that failed.

        A command whose run was begun is resumed. After one that failed the others still run,
        because most do not need it.
        """
        failed = []
        for job in jobs:
            if self.is_done(job):
                continue
            print(f"{minutes(self._guess(job))}: {job.line}", flush=True)
            if not self.dry and not self._run(job):
                failed.append(job)
        return failed

    def _run(self, job: Job) -> bool:
        """Run a command, or resume its run, and note that it is done; return whether it is."""
        words, run = list(job.words), self.folder / job.out
        log = self.folder / "logs" / f"{job.name}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        if job.out and (run / "finished.txt").is_file():
            self._note(job, None)
            return True
        resumed = bool(job.out) and (run / "recipe.yaml").is_file()
        words += ["--resume", "true"] if resumed else []
        began = time.monotonic()
        code = (_run_inside if self.inside else _run_outside)(words, self.folder, log)
        seconds = time.monotonic() - began
        if code == INTERRUPTED:
            sys.exit(f"{job.name} was interrupted; the same command goes on")
        if code:
            print(f"  failed with code {code}: {log}\n  {_last_line(log)}", flush=True)
            return False
        self._note(job, None if resumed else round(seconds, 1))
        print(f"  {minutes(seconds)}", flush=True)
        return True

    def _note(self, job: Job, seconds: float | None) -> None:
        """Write that a command is done, and how long it took if it ran from its beginning."""
        kept = {"command": job.line, "kind": job.kind, "seconds": seconds}
        path = self.record(job)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(kept, indent=2) + "\n")
        if seconds is not None:
            self.seconds.setdefault(job.kind, []).append(seconds)


def _run_outside(words: Sequence[str], folder: Path, log: Path) -> int:
    """Run a command in a process of its own and return its exit code.

    If this process is interrupted, so is the command, which first saves what it has.
    """
    command = [sys.executable, "-m", "selfvid", *words]
    with (
        log.open("w") as said,
        subprocess.Popen(command, cwd=folder, stdout=said, stderr=said) as process,
    ):
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            return INTERRUPTED


def _run_inside(words: Sequence[str], folder: Path, log: Path) -> int:
    """Run a command in this process and return its exit code."""
    with log.open("w") as said, chdir(folder), redirect_stdout(said), redirect_stderr(said):
        try:
            main(list(words))
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 1
    return 0


def minutes(seconds: float) -> str:
    """Return a time as text."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""
