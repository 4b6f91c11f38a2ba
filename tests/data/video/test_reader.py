from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from selfvid.data.video.decode import DecoderName, open_video
from selfvid.data.video.reader import Frames, Header, Indices, VideoReader, from_first
from tests.data.footage import numbered_video, numbers
from tests.data.video.assets import DECODERS


class CountedReader(VideoReader):
    """Ten frames of one pixel that is the frame's number; it remembers what it decoded."""

    decoder = "counted"
    header = Header(1, 1, "none")

    def __init__(self) -> None:
        super().__init__("counted.mp4")
        self.frames, self.rate, self.times = 10, 25.0, None
        self.decoded: list[list[int]] = []

    def _decode(self, indices: Indices) -> Frames:
        self.decoded.append(indices.tolist())
        return indices.astype(np.uint8)[:, None, None, None].repeat(3, -1)

    def close(self) -> None:
        pass


def test_each_distinct_frame_is_decoded_once_and_in_rising_order() -> None:
    reader = CountedReader()
    wanted = [7, 2, 2, 9, 7]
    assert reader.read(wanted)[:, 0, 0, 0].tolist() == wanted
    assert reader.read([0, 1, 2])[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert reader.decoded == [[2, 7, 9], [0, 1, 2]]


def test_no_frames_at_all_are_refused() -> None:
    with pytest.raises(IndexError, match="indices are empty; expected at least one"):
        CountedReader().read([])


def test_a_reader_of_another_process_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = CountedReader()
    monkeypatch.setattr("os.getpid", lambda: -1)
    with pytest.raises(RuntimeError, match="opened in another process"):
        reader.read([0])


def test_times_are_counted_from_the_first_if_they_rise_strictly() -> None:
    found = from_first(np.array([3.0, 3.5, 5.0]))
    assert found is not None
    assert found.tolist() == [0.0, 0.5, 2.0]
    for unordered in ([1.0, 1.0], [2.0, 1.0], [0.0, np.nan], [0.0, np.inf]):
        assert from_first(np.array(unordered)) is None


@pytest.mark.parametrize("decoder", DECODERS)
def test_frames_come_in_the_requested_order(tmp_path: Path, decoder: DecoderName) -> None:
    file = numbered_video(tmp_path / "video.mp4", frames=40)
    with open_video(file, decoder=decoder) as reader:
        assert reader.frames == 40
        assert reader.rate == pytest.approx(10)
        assert (reader.height, reader.width, reader.codec) == (32, 64, "h264")
        assert numbers(reader.read([30, 2, 2, 39, 0])) == [30, 2, 2, 39, 0]
        assert numbers(reader.read([5])) == [5]
        assert reader.times is not None
        np.testing.assert_allclose(reader.times, np.arange(40) / 10, atol=1e-5)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("index", [-1, 8])
def test_a_frame_that_does_not_exist_is_refused(
    tmp_path: Path, decoder: DecoderName, index: int
) -> None:
    file = numbered_video(tmp_path / "video.mp4", frames=8)
    with (
        open_video(file, decoder=decoder) as reader,
        pytest.raises(IndexError, match=f"frame {index} does not exist; expected 0 to 7"),
    ):
        reader.read([0, index])


@pytest.mark.parametrize("decoder", DECODERS)
def test_resizing_while_decoding_keeps_native_size_known(
    tmp_path: Path, decoder: DecoderName
) -> None:
    file = numbered_video(tmp_path / "video.mp4", frames=4)
    with open_video(file, decoder=decoder, size=(10, 24)) as reader:
        assert reader.read([0, 3]).shape == (2, 10, 24, 3)
        assert (reader.height, reader.width) == (32, 64)


def test_a_reader_is_not_pickled(tmp_path: Path) -> None:
    with (
        open_video(numbered_video(tmp_path / "video.mp4", frames=2)) as reader,
        pytest.raises(TypeError, match="cannot be pickled"),
    ):
        pickle.dumps(reader)
