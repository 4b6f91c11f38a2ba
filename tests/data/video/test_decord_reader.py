from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from selfvid.data.video.decode import open_video
from selfvid.data.video.decord_reader import DecordReader, plain_error, unsuitable
from selfvid.data.video.packets import PacketIndex
from selfvid.data.video.reader import DecodeError
from tests.data.footage import numbered_video, numbers
from tests.data.video.assets import needs_decord, reordered_video

GOOD = PacketIndex(
    frames=3,
    stamps=np.arange(3),
    keys=np.zeros(1, np.int64),
    key_stamps=np.zeros(1, np.int64),
    keys_in_order=True,
    bits=8,
    rate=25.0,
)


def test_a_file_is_unsuitable_if_decord_would_confuse_its_frames() -> None:
    assert unsuitable(GOOD) is None
    assert unsuitable(replace(GOOD, bits=10)) == "it has 10 bits per colour"
    assert "timestamps are missing" in str(unsuitable(replace(GOOD, stamps=None)))
    assert "key frames" in str(unsuitable(replace(GOOD, keys_in_order=False)))


@needs_decord
def test_an_unsuitable_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = reordered_video(tmp_path / "video.avi")
    with pytest.raises(DecodeError, match="use pyav: its timestamps are missing"):
        open_video(file, decoder="decord")


@needs_decord
@pytest.mark.parametrize("width", [8, 12, 16, 20, 24, 48])
def test_frames_come_at_every_width_the_narrow_ones_too(tmp_path: Path, width: int) -> None:
    file = numbered_video(tmp_path / "video.mp4", frames=6)
    with DecordReader(str(file), size=(10, width)) as reader:
        for wanted in ([4, 1], [5]):
            frames = reader.read(wanted)
            assert frames.shape == (len(wanted), 10, width, 3)
            assert numbers(frames) == wanted


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("[12:30:01] /src/video.cc:151: cannot find video stream with index: -1", "it finds no"),
        ("[12:30:01] /src/reader.cc:7: Check failed: x == y (1 vs. 2)\nStack trace", "x == y"),
        ("[12:30:01] /src/ff.cc:9: Error sending packet.", "damaged data"),
        ("The size must exactly match the strides", "it cannot read pictures of this width"),
    ],
)
def test_errors_of_decord_become_plain_words(message: str, expected: str) -> None:
    found = plain_error(RuntimeError(message))
    assert found.startswith(expected)
    assert not any(part in found for part in ("[", "\n", ".cc", "Check failed"))
