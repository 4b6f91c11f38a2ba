from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def refused(folder: Path) -> bool:
    """Whether a new process may not own the run."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    return subprocess.run(command, input=b"", capture_output=True, check=False).returncode != 0


def test_a_run_that_another_process_writes_is_refused_until_that_one_dies(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match="another process is writing the run in"):
            own(RunFolder(tmp_path))
        other.kill()
    run = RunFolder(tmp_path)
    own(run)


def test_the_lock_goes_with_the_run_and_its_file_stays(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    own(run)
    before = (tmp_path / LOCK).stat().st_ino
    assert refused(tmp_path)
    del run
    assert not refused(tmp_path)
    assert (tmp_path / LOCK).stat().st_ino == before
