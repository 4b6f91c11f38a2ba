from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from selfvid.data.clips import workers as workers_module
from selfvid.data.clips.loader import ClipDataset, clip_loader
from selfvid.data.clips.sampling import EvenClips
from selfvid.data.clips.workers import ReaderDied, share
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.pyav_reader import PyAVReader
from selfvid.errors import InputError
from selfvid.types import ClipBatch
from tests.data.footage import manifest_of

pytestmark = pytest.mark.slow

Batches = Callable[..., Generator[ClipBatch]]


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return manifest_of(tmp_path_factory.mktemp("footage"), 8, 8, 8)


@pytest.fixture
def batches(footage: Manifest, monkeypatch: pytest.MonkeyPatch) -> Batches:
    """Batches of one video each; `harm` is called in the worker before video 2 is decoded."""
    plain = PyAVReader._frame

    def made(harm: Callable[[], Any], *, timeout: float = 60.0) -> Generator[ClipBatch]:
        def frame(self: PyAVReader, index: int) -> np.ndarray:
            if Path(self.path).name == "2.mp4":
                harm()
            return plain(self, index)

        monkeypatch.setattr(PyAVReader, "_frame", frame)
        dataset = ClipDataset(footage, EvenClips(2), size=(16, 24))
        return iter(clip_loader(dataset, batch_size=1, workers=1, timeout=timeout))

    return made


def last_error(running: Generator[ClipBatch]) -> InputError:
    with pytest.raises(InputError) as caught:
        list(running)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_file_that_kills_its_reader_is_named(batches: Batches) -> None:
    began = time.monotonic()
    error = last_error(batches(lambda: os.kill(os.getpid(), signal.SIGSEGV)))
    assert isinstance(error, ReaderDied)
    assert Path(error.path).name == "2.mp4"
    assert f"died (SIGSEGV) while reading {error.path}" in str(error)
    assert time.monotonic() - began < 30  # long before the time-out


def test_a_process_killed_from_outside_is_no_fault_of_its_file(batches: Batches) -> None:
    error = last_error(batches(lambda: os.kill(os.getpid(), signal.SIGKILL)))
    assert not isinstance(error, ReaderDied)
    assert "2.mp4: a system that runs out of memory kills so" in str(error)


def test_a_stopped_process_ends_the_run_and_is_not_taken_for_a_hanging_file(
    batches: Batches,
) -> None:
    began = time.monotonic()
    error = last_error(batches(lambda: os.kill(os.getpid(), signal.SIGSTOP), timeout=2.0))
    assert "is stopped by a signal (SIGSTOP)" in str(error)
    assert "hangs" not in str(error)
    assert time.monotonic() - began < 30
    assert not _children_stopped()


def test_a_process_dying_does_not_disturb_what_the_program_does_then(batches: Batches) -> None:
    running = batches(lambda: os.kill(os.getpid(), signal.SIGSEGV))
    next(running)
    time.sleep(2)  # the worker dies now; torch would raise here
    with pytest.raises(ReaderDied):
        list(running)


def test_too_little_shared_memory_is_said(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Tensor) -> Tensor:
        raise RuntimeError("unable to allocate shared memory(shm): No space left on device (28)")

    monkeypatch.setattr(Tensor, "share_memory_", full, raising=True)
    monkeypatch.setattr("selfvid.data.clips.loader.Board", lambda _: None)
    with pytest.raises(InputError, match=r"takes 0\.0 MB of shared memory and .* --workers 0"):
        next(batches(lambda: None))


def test_nothing_is_shared_where_no_worker_is() -> None:
    tensor = torch.zeros(3)
    share((tensor, None))
    assert not tensor.is_shared()


def _children_stopped() -> list[str]:
    mine = str(os.getpid())
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == mine and fields[0] in "Tt":
            found.append(stat.parent.name)
    return found


def test_there_is_a_word_for_the_place_of_shared_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(workers_module, "_SHARED_MEMORY", tmp_path / "none")
    assert workers_module._free() == "there is too little"
