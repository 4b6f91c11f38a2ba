from __future__ import annotations

import errno
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from selfvid.cli import commands
from selfvid.errors import InputError
from selfvid.heads.average import Average
from selfvid.saving.full_disk import full_disk, no_room, writing
from selfvid.saving.modules import save_module
from selfvid.saving.whole import write_whole
from selfvid.types import Widths

_BIG = np.zeros(5000)

resource = pytest.importorskip("resource")


@contextmanager
def small_files() -> Iterator[None]:
    """Files may not become larger than 2000 bytes, as on a disk that fills up.

    It surrounds single calls: a file that pytest's own output goes to has the limit too.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_file_without_room_is_one_line_and_nothing_is_left(tmp_path: Path) -> None:
    expected = r"'.*/a\.json' cannot be written: .* MB free\)"
    with pytest.raises(InputError, match=expected), small_files():
        write_whole(tmp_path / "a.json", "x" * 9000)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "save",
    [lambda file: save_file({"a": torch.zeros(5000)}, file), lambda file: np.save(file, _BIG)],
    ids=["safetensors", "numpy"],
)
def test_the_words_of_libraries_are_known(tmp_path: Path, save: Callable[[Path], None]) -> None:
    file = tmp_path / "big"
    with pytest.raises(InputError, match=r"big' cannot be written"), small_files(), writing(file):
        save(file)


def test_a_module_without_room_leaves_no_folder(tmp_path: Path) -> None:
    expected = r"head' cannot be written"
    with pytest.raises(InputError, match=expected), small_files():
        save_module(Average(Widths(clip=400), 40), tmp_path / "head", kind="head")
    assert not list(tmp_path.iterdir())


def test_a_cause_is_found_behind_other_errors() -> None:
    error = RuntimeError("writer failed")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert full_disk(error) == "the disk is full"
    assert full_disk(OSError(errno.EACCES, "Permission denied")) is None
    assert full_disk(ValueError("other")) is None


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(KeyError), writing(tmp_path):
        raise KeyError("a")


def test_the_nearest_folder_that_exists_tells_the_free_space(tmp_path: Path) -> None:
    assert "MB free" in no_room(tmp_path / "none" / "file", "the disk is full")


def test_the_command_line_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/some/file")
    assert commands._print_error(full, debug=False) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith("selfvid: '/some/file' cannot be written: the disk is full (")
