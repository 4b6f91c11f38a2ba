"""Interrupting a command at one point after the other, and judging what is left."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from safetensors import safe_open

from selfvid.cli.commands import main
from selfvid.data.digits.files import write_footage
from selfvid.data.manifest.manifest import Manifest
from tests.faults.interruption import Fault, Interruption
from tests.faults.scenarios import PREPARE, Scenario

# Contents that differ from run to run, or have a checkpoint's or TensorBoard's own format.
_VOLATILE = re.compile(r"tensorboard/|checkpoints/|finished\.txt|\.ckpt|recipe\.yaml")
_VOLATILE_KEYS = {"seconds", "clips_per_second", "command", "features_reused"}
_EXITS = {"kill": -signal.SIGKILL, "signal": 130, "full": 2}
_LIMIT = 120  # seconds of a command that takes two


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: the exit code, negative for a signal.
        said: what it printed on standard error.
        changes: the changes of files that were counted.
    """

    code: int
    said: str
    changes: tuple[str, ...]

    @property
    def line(self) -> str:
        """The error message; a progress bar may stand before and after it."""
        found = re.findall(r"selfvid: .*", self.said)
        return found[-1] if found else ""


class Campaign:
    """A folder with footage and an encoder, of which every run of a command gets a copy.

    The commands run in forked processes, which need not import PyTorch again. Nothing that starts
    threads is done in this process.

    Args:
        folder: an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = folder / "base"
        self.base.mkdir()
        with _inside(self.base):
            write_footage(Path("digits"), videos=16, frames=8, size=32, seed=1)
        for words in PREPARE:
            ended = self._run(words, self.base)
            assert ended.code == 0, ended.said
        whole = Manifest.read(self.base / "d.csv")
        sides = ("left", "right")
        rows = [
            dataclasses.replace(row, columns=row.columns | {"side": sides[place % 2]})
            for place, row in enumerate(whole.rows)
        ]
        Manifest(tuple(rows), whole.root).write(self.base / "d.csv")
        rows = [dataclasses.replace(row, split="") for row in rows]
        Manifest(tuple(rows), whole.root).write(self.base / "unsplit.csv")

    def undisturbed(self, scenario: Scenario) -> tuple[tuple[str, ...], dict[str, str]]:
        """Return the changes that the command makes, and its results by file."""
        with self._copy() as work:
            ended = self._run(scenario.words, work)
            assert ended.code == 0, ended.said
            return ended.changes, results(work, scenario)

    def interrupted(
        self, scenario: Scenario, fault: Fault, at: int, expected: dict[str, str]
    ) -> str:
        """Interrupt the command, do what it says, and return what is wrong; "" if nothing is."""
        with self._copy() as work:
            first = self._run(scenario.words, work, fault=fault, at=at)
            if first.code not in (0, _EXITS[fault]):
                return f"exit code {first.code}: {first.said[-300:]}"
            if fault == "full" and first.code == 2 and "full" not in first.line:
                return f"the full disk is not named: {first.said[-300:]}"
            if "Traceback" in first.said:
                return f"a traceback: {first.said[-300:]}"
            again = self._run_again(scenario.words, work)
            if again.code:
                return f"run again: {again.said[-300:]}"
            found = results(work, scenario)
            wrong = sorted(
                name for name in {*found, *expected} if found.get(name) != expected.get(name)
            )
            left = [str(path) for path in work.rglob(".*draft*")]
            return ", ".join([*wrong, *left])

    def _run_again(self, words: Sequence[str], work: Path) -> Ended:
        """Run the command again, and do what its message says."""
        again = self._run(words, work)
        for option in ("resume", "overwrite"):
            if again.code == 2 and option in again.line:
                again = self._run((*words, f"--{option}", "true"), work)
        finished = again.code == 2 and "is finished; nothing to resume" in again.line
        return dataclasses.replace(again, code=0) if finished else again

    def _run(
        self, words: Sequence[str], work: Path, *, fault: Fault = "kill", at: int = 0
    ) -> Ended:
        said, noted = self.folder / "said.txt", self.folder / "changes.json"
        process = os.fork()
        if process == 0:
            _be_the_command(words, work, said, noted, Interruption(work, at, fault))
        _, status = os.waitpid(process, 0)
        # Reading processes of a command that was killed would go on for a moment.
        for _ in range(2):
            try:
                os.killpg(process, signal.SIGKILL)
            except ProcessLookupError:
                break
        changes = json.loads(noted.read_text()) if noted.exists() else []
        noted.unlink(missing_ok=True)
        code = os.waitstatus_to_exitcode(status)
        return Ended(code, said.read_text(errors="replace"), tuple(changes))

    @contextmanager
    def _copy(self) -> Iterator[Path]:
        work = self.folder / "work"  # always the same, because results name files
        try:
            yield Path(shutil.copytree(self.base, work))
        finally:
            shutil.rmtree(work)


def _be_the_command(
    words: Sequence[str], work: Path, said: Path, noted: Path, interruption: Interruption
) -> None:
    """Run a command line in this process and end it."""
    code = 1
    try:
        os.setsid()
        signal.alarm(_LIMIT)
        os.chdir(work)
        for stream in (1, 2):
            os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC * (stream == 1)), stream)
        interruption.begin()
        try:
            main(words)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        interruption.at = 0
        noted.write_text(json.dumps(interruption.changes))
    finally:
        os._exit(code)


def results(work: Path, scenario: Scenario) -> dict[str, str]:
    """Return a hash of every file that the command made, by its path."""
    found = {}
    for result in scenario.results:
        top = work / result
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            name = path.relative_to(work).as_posix()
            if path.is_file() and not _VOLATILE.search(name):
                found[name] = hashlib.sha256(_content(path)).hexdigest()
    return found


def _content(path: Path) -> bytes:
    """Return what a file says, without times."""
    if path.suffix == ".json":
        return json.dumps(_lasting(json.loads(path.read_text())), sort_keys=True).encode()
    if path.suffix == ".jsonl":
        lines = [_lasting(json.loads(line)) for line in path.read_text().splitlines()]
        return json.dumps(lines, sort_keys=True).encode()
    if path.suffix == ".safetensors":  # its header is in no order
        with safe_open(path, framework="pt") as file:
            said = {name: repr(file.get_tensor(name).tolist()) for name in sorted(file.keys())}
            return json.dumps([said, sorted((file.metadata() or {}).items())]).encode()
    if path.suffix == ".mkv":  # its header has a random number
        with av.open(path) as file:
            return b"".join(bytes(packet) for packet in file.demux(video=0))
    return path.read_bytes()


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(each) for key, each in value.items() if key not in _VOLATILE_KEYS}
    return [_lasting(each) for each in value] if isinstance(value, list) else value


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    former = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(former)
