from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from selfvid.data.video.decode import DecodeError, open_video
from selfvid.data.video.pyav_reader import PyAVReader, picture
from tests.data.footage import ASSETS, SHARED
from tests.data.video.assets import READ_BY_ANY, decoded, needs_assets, reordered_video


@pytest.mark.parametrize("name", ["video.mp4", "video.mkv", "video.avi"])
def test_frames_in_any_order_are_those_that_decoding_gives(tmp_path: Path, name: str) -> None:
    """The AVI file has no reliable timestamps, so its frames are counted."""
    file = reordered_video(tmp_path / name)
    shown = decoded(file)[0]
    with PyAVReader(str(file)) as reader:
        assert reader.frames == len(shown)
        assert (reader.times is None) == (name == "video.avi")
        for jumps in ([20, 3], [4], [23, 22, 0], [12, 13, 6]):
            np.testing.assert_array_equal(reader.read(jumps), shown[jumps])


def test_frames_of_a_file_without_timestamps_need_not_be_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(reordered_video(tmp_path / "video.avi"))
    monkeypatch.delattr(PyAVReader, "_count")
    with PyAVReader(file, known_frames=17) as reader:
        assert reader.frames == 17
    with pytest.raises(AttributeError):
        PyAVReader(file)


# The matrix a, b, c, d of each orientation, and what it makes of a picture: NumPy's own words.
ORIENTATIONS = {
    (1, 0, 0, 1): lambda p: p,
    (-1, 0, 0, 1): np.fliplr,
    (1, 0, 0, -1): np.flipud,
    (-1, 0, 0, -1): lambda p: np.rot90(p, 2),
    (0, 1, 1, 0): lambda p: p.swapaxes(0, 1),
    (0, 1, -1, 0): lambda p: np.rot90(p, -1),  # clockwise: the left column becomes the top row
    (0, -1, 1, 0): lambda p: np.rot90(p, 1),
    (0, -1, -1, 0): lambda p: np.rot90(p.swapaxes(0, 1), 2),
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_picture_is_shown_in_each_of_the_eight_orientations(
    orientation: tuple[int, int, int, int],
) -> None:
    stored = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    sizes = []

    def to_ndarray(*, height: int = 4, width: int = 6, **_: object) -> np.ndarray:
        sizes.append((height, width))
        return stored[:height, :width]

    a, b, c, d = (entry << 16 for entry in orientation)
    matrix = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], np.int32).tobytes()
    frame = SimpleNamespace(side_data={"DISPLAYMATRIX": matrix}, to_ndarray=to_ndarray)
    np.testing.assert_array_equal(picture(frame), ORIENTATIONS[orientation](stored))
    assert picture(frame, size=(2, 3)).shape == (2, 3, 3)
    assert sizes == [(4, 6), (3, 2) if orientation[0] == 0 else (2, 3)]


@needs_assets
@pytest.mark.parametrize("name", READ_BY_ANY)
def test_frames_in_any_order_equal_frames_read_in_turn(name: str) -> None:
    rng = np.random.default_rng(0)
    with open_video(ASSETS / name, decoder="pyav", size=(32, 32)) as reader:
        frames = min(reader.frames, 150)
        in_turn = reader.read(range(frames))
        for _ in range(6):
            jumps = rng.integers(frames, size=3)
            np.testing.assert_array_equal(reader.read(jumps), in_turn[jumps])


@needs_assets
def test_a_damaged_file_gives_its_good_frames_and_names_the_bad() -> None:
    with open_video(ASSETS / "decord/corrupted.mp4", decoder="pyav") as reader:
        assert reader.frames == 28
        assert reader.read([0]).shape == (1, 720, 1280, 3)
    with PyAVReader(str(ASSETS / "decord/corrupted.mp4")) as whole:
        assert whole.frames == 50
        with pytest.raises(DecodeError, match="after frame 28 of 50: Invalid data"):
            whole.read([49])


@pytest.mark.skipif(not (SHARED / "ut_interaction").exists(), reason="UT-Interaction is not here")
def test_avi_frames_without_timestamps_are_counted_as_they_are_shown() -> None:
    """FFmpeg guesses the timestamps of these files; the guesses do not identify the frames."""
    file = sorted((SHARED / "ut_interaction/videos/handshake").glob("*.avi"))[0]
    with av.open(str(file)) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with open_video(file) as reader:
        assert (reader.decoder, reader.frames, reader.times) == ("sequential", len(shown), None)
        for index in (len(shown) - 1, 3, 40):
            np.testing.assert_array_equal(reader.read([index])[0], shown[index])
    with open_video(file, decoder="pyav", known_frames=len(shown)) as reader:
        np.testing.assert_array_equal(reader.read([len(shown) - 1])[0], shown[-1])
