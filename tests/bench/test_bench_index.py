from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.bench_index import HERE, compare
from tests.data.footage import numbered_video

pytestmark = pytest.mark.slow


def test_a_tree_is_compared_with_itself(tmp_path: Path) -> None:
    numbered_video(tmp_path / "video.mp4", frames=4)
    found = compare(tmp_path, HERE, rounds=1)
    assert found["ratio"] == pytest.approx(found["here"] / found["there"])
    assert found["here"] > 0
