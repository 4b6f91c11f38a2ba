"""Runs on kept features, and a counter of the items that they read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import EvenClips
from selfvid.finetuning.result import FinetuneResult
from selfvid.heads.average import Average
from tests.finetuning.tuned import small_run

ONE = EvenClips(frames=4)
PER_DRAW = 2  # clips of each video in the fixture `videos`


def frozen(manifest: Path, out: Path, **more: Any) -> FinetuneResult:
    return small_run(manifest, out, **{"rates": {"encoder": 0}, "head": Average, **more})


@contextmanager
def counting_reads(monkeypatch: pytest.MonkeyPatch, *, most: int = 10**6) -> Iterator[list[int]]:
    """How many items are read; one more than `most` fails."""
    places: list[int] = []
    real = ClipDataset._read

    def counted(self: ClipDataset, place: int, rng: np.random.Generator) -> Any:
        if len(places) == most:
            raise OSError("power cut")
        places.append(place)
        return real(self, place, rng)

    with monkeypatch.context() as patch:
        patch.setattr(ClipDataset, "_read", counted)
        yield places
