from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from selfvid.data.video.decode import open_video
from selfvid.data.video.encode import write_video
from selfvid.data.video.streaming import ClipStream, measure_length

RATE = 10.0


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seventy-one frames."""
    path = tmp_path_factory.mktemp("stream") / "video.mp4"
    torch.manual_seed(0)
    small = torch.randint(0, 255, (71, 3, 4, 4), dtype=torch.uint8)
    write_video(path, small.repeat_interleave(16, 2).repeat_interleave(16, 3), rate=RATE)
    return path


@pytest.mark.parametrize("frames", [1, 4, 16, 40])
def test_blocks_are_the_frames_of_the_video_in_order(video: Path, frames: int) -> None:
    with (
        ClipStream(video, frames=frames, size=(32, 32)) as stream,
        open_video(video, size=(32, 32)) as reader,
    ):
        whole = 71 // frames
        clips = torch.cat(list(stream))
        expected = torch.from_numpy(reader.read(range(whole * frames)))
    assert stream.clips == whole
    assert torch.equal(clips.flatten(0, 1).permute(0, 2, 3, 1), expected)


def test_times_are_those_of_the_frames(video: Path) -> None:
    with ClipStream(video, frames=16, size=(32, 32)) as stream:
        np.testing.assert_allclose(stream.times.ravel(), np.arange(64) / RATE, atol=1e-3)
        expected = [[1.6 * clip, 1.6 * (clip + 1)] for clip in range(4)]
        np.testing.assert_allclose(stream.spans, expected, atol=1e-3)


def test_the_last_clip_ends_when_its_last_frame_does(video: Path) -> None:
    with ClipStream(video, frames=71, size=(32, 32)) as stream:
        np.testing.assert_allclose(stream.spans, [[0.0, 7.1]], atol=1e-3)
    with ClipStream(video, frames=72, size=(32, 32)) as stream:
        assert stream.clips == len(stream.spans) == len(list(stream)) == 0


def test_the_length_is_returned_or_why_there_is_none(video: Path, tmp_path: Path) -> None:
    found = measure_length(video)
    assert (found.frames, found.fault) == (71, "")
    assert found.seconds == pytest.approx(7.1, abs=1e-3)
    assert "does not exist" in measure_length(tmp_path / "none.mp4").fault
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video" * 100)
    assert measure_length(broken).fault
