from __future__ import annotations

import pickle
from pathlib import Path
from unittest.mock import Mock

import av
import numpy as np
import pytest

from selfvid.data.video import decode
from selfvid.data.video.decode import (
    BrokenDecoderError,
    DecodeError,
    DecoderName,
    decoder_versions,
    open_video,
    preflight,
    resolve_decoder,
)
from selfvid.data.video.decord_reader import DecordReader
from selfvid.data.video.pyav_reader import PyAVReader
from selfvid.errors import InputError
from tests.data.footage import ASSETS, SHARED, numbered_video, numbers

HAS_DECORD = "decord" in decoder_versions()
DECODERS: tuple[DecoderName, ...] = ("pyav", "decord") if HAS_DECORD else ("pyav",)

# What auto has to choose, and why the files of PyAV are not decord's.
READ_BY_DECORD = (
    "decord/flipping_a_pancake.mkv",
    "decord/unordered.mov",
    "decord/video_0.mov",
    "decord/video_90.mov",
    "decord/video_180.mov",
    "decord/video_270.mov",
    "mmaction2/demo.mp4",
    "mmaction2/demo_spatiotemporal_det.mp4",
    "mmaction2/part_0.mp4",
    "mmaction2/test.mp4",
    "mmaction2/test_video_structuralize.mp4",
    "openstl/test_example.avi",
    "openstl/train_example1.avi",
    "openstl/train_example2.avi",
    "torchcodec/bt709_full_range.mp4",
    "torchcodec/nasa_13013.mp4",
    "torchcodec/testsrc2.mp4",
    "torchcodec/var_fps_video.mp4",
    "video_features/v_GGSY1Qvo990.mp4",
    "video_features/v_ZNVhz7ctTq0.mp4",
)
READ_BY_PYAV = {
    "mmaction2/S001C001P001R001A001_rgb.avi": "timestamps",
    "mmaction2/test.avi": "timestamps",
    "torchcodec/av1_video.mkv": "no video stream",
    "torchcodec/h264_10bits.mp4": "10 bits",
    "torchcodec/h265_10bits.mp4": "10 bits",
    "torchcodec/h265_video.mp4": "key frames",
}
READ_BY_ANY = (*READ_BY_DECORD, *READ_BY_PYAV)

needs_assets = pytest.mark.skipif(not ASSETS.exists(), reason=f"{ASSETS} is not here")
needs_decord = pytest.mark.skipif(not HAS_DECORD, reason="decord is not installed")


@pytest.mark.parametrize("decoder", DECODERS)
def test_frames_come_in_the_order_asked_for(tmp_path: Path, decoder: DecoderName) -> None:
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


def test_an_unreadable_file_is_named_with_its_cause(tmp_path: Path) -> None:
    file = tmp_path / "broken.mp4"
    file.write_bytes(b"text, no video")
    with pytest.raises(DecodeError, match=r"broken\.mp4: cannot be opened: Invalid data") as caught:
        open_video(file)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_missing_file_and_an_unknown_decoder_are_input_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"absent\.mp4 does not exist"):
        open_video(tmp_path / "absent.mp4")
    monkeypatch.setenv("SELFVID_DECODER", "mplayer")
    with pytest.raises(InputError, match="SELFVID_DECODER is 'mplayer'; expected one of auto"):
        resolve_decoder()


def test_the_variable_chooses_only_where_the_argument_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SELFVID_DECODER", "pyav")
    assert resolve_decoder("auto") == "pyav"
    if HAS_DECORD:
        assert resolve_decoder("decord") == "decord"


def test_without_decord_pyav_reads_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_decord_installed", lambda: False)
    file = numbered_video(tmp_path / "video.mp4", frames=3)
    with open_video(file) as reader:
        assert reader.decoder == "pyav"
    with pytest.raises(InputError, match="decord is not installed"):
        open_video(file, decoder="decord")


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_working_decoder_passes_the_preflight(decoder: DecoderName) -> None:
    preflight(decoder)


def test_a_decoder_that_fails_or_lies_is_told_by_the_preflight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = PyAVReader._picture
    monkeypatch.setattr(PyAVReader, "_picture", lambda self, frame: 255 - honest(self, frame))
    with pytest.raises(BrokenDecoderError, match=r"gives brightness .* expected \[40, 120, 200\]"):
        preflight("pyav")

    monkeypatch.setattr(PyAVReader, "_picture", Mock(side_effect=OSError("library missing")))
    with pytest.raises(BrokenDecoderError, match="library missing"):
        preflight("pyav")


def test_a_folder_of_images_is_a_video_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        grey = np.full((6, 8, 3), 10 + 6 * number, np.uint8)
        av.VideoFrame.from_ndarray(grey, format="rgb24").save(tmp_path / f"{number}%d.png")
    (tmp_path / "notes.txt").write_text("not a frame")
    with open_video(tmp_path, size=(3, 4)) as reader:
        assert (reader.decoder, reader.frames, reader.rate) == ("images", 3, 25.0)
        assert (reader.height, reader.width, reader.codec) == (6, 8, "png")
        assert numbers(reader.read([0, 1, 2])) == [1, 2, 10]
        assert reader.read([1]).shape == (1, 3, 4, 3)
        (tmp_path / "2%d.png").write_bytes(b"")
        with pytest.raises(DecodeError, match=r"frame 1 \(2%d\.png\)"):
            reader.read([1])


@needs_assets
@needs_decord
@pytest.mark.parametrize("name", READ_BY_DECORD)
def test_both_decoders_give_the_same_frames(name: str) -> None:
    file = ASSETS / name
    with open_video(file, decoder="decord") as one, open_video(file, decoder="pyav") as other:
        assert (one.frames, one.height, one.width) == (other.frames, other.height, other.width)
        assert one.rate == pytest.approx(other.rate)
        assert one.times is not None
        assert other.times is not None
        np.testing.assert_allclose(one.times, other.times, atol=1e-4)
        some = np.linspace(0, one.frames - 1, 9).round().astype(int)
        np.testing.assert_array_equal(one.read(some), other.read(some))
    small = (48, 64)
    with DecordReader(str(file), size=small) as one, PyAVReader(str(file), size=small) as other:
        difference = np.abs(one.read(some).astype(int) - other.read(some))
        assert difference.mean() < 1


@needs_assets
@needs_decord
@pytest.mark.parametrize("name", READ_BY_ANY)
def test_auto_takes_decord_only_where_its_frames_are_right(name: str) -> None:
    with open_video(ASSETS / name) as reader:
        assert reader.decoder == ("decord" if name in READ_BY_DECORD else "pyav")


@needs_assets
@needs_decord
@pytest.mark.parametrize(("name", "reason"), READ_BY_PYAV.items())
def test_a_named_decoder_refuses_and_does_not_fall_back(name: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        open_video(ASSETS / name, decoder="decord")


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
        assert reader.read([0]).shape == (1, 720, 1280, 3)
        with pytest.raises(DecodeError, match="after frame 28 of 50: Invalid data"):
            reader.read([49])


@needs_assets
def test_sound_has_no_video_stream() -> None:
    with pytest.raises(DecodeError, match="has no video stream"):
        open_video(ASSETS / "torchcodec/sine_mono_s16.wav")


@pytest.mark.skipif(not (SHARED / "ut_interaction").exists(), reason="UT-Interaction is not here")
def test_avi_frames_without_timestamps_are_counted_as_they_are_shown() -> None:
    """FFmpeg guesses stamps for these files; neither packets nor guesses tell the frames."""
    file = sorted((SHARED / "ut_interaction/videos/handshake").glob("*.avi"))[0]
    with av.open(str(file)) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with open_video(file) as reader:
        assert (reader.decoder, reader.frames, reader.times) == ("pyav", len(shown), None)
        for index in (len(shown) - 1, 3, 40):
            np.testing.assert_array_equal(reader.read([index])[0], shown[index])
    with open_video(file, decoder="pyav", known_frames=len(shown)) as reader:
        np.testing.assert_array_equal(reader.read([len(shown) - 1])[0], shown[-1])
