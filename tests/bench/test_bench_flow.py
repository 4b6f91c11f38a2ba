from __future__ import annotations

from pathlib import Path

import pytest

from selfvid.data.video.encode import write_video
from tests.bench.bench_flow import compare, indexed
from tests.flow.textures import drifting

pytestmark = pytest.mark.slow


def test_both_sides_make_the_same_fields(tmp_path: Path) -> None:
    for n in range(2):
        write_video(tmp_path / f"{n}.mp4", drifting(6, x=n, y=1))
    manifest = indexed(tmp_path, tmp_path, videos=None)
    (ratio,) = compare(manifest, size=32, rounds=1, picture="jpg", workers=1)
    assert ratio > 0
