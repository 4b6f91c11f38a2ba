from __future__ import annotations

from pathlib import Path

import pytest
import torch

from selfvid.data.video.decode import decoder_versions
from tests.bench.bench_loader import indexed, sides, written

pytestmark = pytest.mark.slow


@pytest.mark.skipif("decord" not in decoder_versions(), reason="decord is not installed")
def test_both_sides_of_the_benchmark_read_the_same_clips(tmp_path: Path) -> None:
    manifest = indexed(written(tmp_path, videos=2))
    ours, plain = sides(manifest, [0, 1, 0], clips=2, workers=0, seed=0)
    for one, other in zip(ours, plain, strict=True):
        assert torch.equal(one.frames, other)
