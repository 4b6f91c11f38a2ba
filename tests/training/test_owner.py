from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from selfvid.errors import InputError
from selfvid.training.owner import own
from selfvid.training.run_folder import LOCK, RunFolder

HOLD = """
import sys
from selfvid.training.owner import own
from selfvid.training.run_folder import RunFolder
run = RunFolder(sys.argv[1])
own(run)
print("held", flush=True)
sys.stdin.readline()
"""
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")


def test_a_run_that_another_process_writes_is_refused_until_that_one_dies(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match="another process is writing the run in"):
            own(RunFolder(tmp_path))
        other.kill()
    assert (tmp_path / LOCK).exists()  # it was killed, so its file stayed
    run = RunFolder(tmp_path)
    own(run)


def test_the_lock_goes_with_the_run(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    own(run)
    assert (tmp_path / LOCK).exists()
    del run
    assert not (tmp_path / LOCK).exists()


def test_a_lock_whose_file_was_deleted_meanwhile_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / LOCK
    opened: list[IO[str]] = []

    def lockf(file: IO[str], operation: int) -> None:
        del operation
        if not opened:
            lock.unlink()  # its former owner ends just now
        opened.append(file)

    monkeypatch.setattr("selfvid.training.owner.fcntl.lockf", lockf)
    run = RunFolder(tmp_path)
    own(run)
    assert len(opened) == 2
    assert opened[0].closed
    assert lock.stat().st_ino == os.fstat(opened[1].fileno()).st_ino
