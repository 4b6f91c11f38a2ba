from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from selfvid.data.video.decode import open_video
from tests.bench.bench_detect import join, write_short

pytestmark = pytest.mark.slow


def test_the_long_file_is_the_short_one_over_and_over(tmp_path: Path) -> None:
    short, long = tmp_path / "short.mp4", tmp_path / "long.mp4"
    write_short(short, seconds=1)
    join(short, long, times=3)
    with open_video(short) as one, open_video(long) as three:
        assert three.frames == 3 * one.frames
        assert three.times is not None
        np.testing.assert_allclose(np.diff(three.times), 1 / one.rate, atol=1e-3)
        places = [0, 7, one.frames - 1]
        again = [2 * one.frames + place for place in places]
        assert np.array_equal(three.read(again), one.read(places))
