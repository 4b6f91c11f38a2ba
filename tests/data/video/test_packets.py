from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from selfvid.data.video.decode import open_video
from selfvid.data.video.packets import error_text, packet_index
from selfvid.data.video.reader import DecodeError
from tests.data.footage import ASSETS
from tests.data.video.assets import decoded, needs_assets, reordered_video


def test_packets_tell_what_decoding_finds(tmp_path: Path) -> None:
    file = reordered_video(tmp_path / "video.mp4")
    frames = decoded(file)[1]
    index = packet_index(str(file))
    assert index.frames == len(frames) == 24
    assert index.stamps is not None
    assert index.stamps.tolist() == [frame.pts for frame in frames]
    keys = [number for number, frame in enumerate(frames) if frame.key_frame]
    assert index.keys.tolist() == keys
    assert len(keys) > 1
    assert index.bits == 8


def test_key_frames_that_are_shown_after_frames_stored_behind_them_are_noticed(
    tmp_path: Path,
) -> None:
    """In an open group of pictures, B-frames are shown before a key frame but stored behind it."""
    groups = "keyint=6:min-keyint=1:scenecut=0:b-adapt=0:open-gop="
    file = reordered_video(tmp_path / "open.mp4", codec="libx264", x264opts=f"{groups}1")
    closed = reordered_video(tmp_path / "closed.mp4", codec="libx264", x264opts=f"{groups}0")
    assert not packet_index(str(file)).keys_in_order
    assert packet_index(str(closed)).keys_in_order


def test_guessed_timestamps_of_avi_are_not_used(tmp_path: Path) -> None:
    assert packet_index(str(reordered_video(tmp_path / "video.avi"))).stamps is None
    in_order = packet_index(str(reordered_video(tmp_path / "plain.avi", bf="0")))
    assert in_order.stamps is not None
    assert (np.diff(in_order.stamps) == 1).all()


def test_a_sound_file_has_no_video_stream(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(1600))
    with pytest.raises(DecodeError, match=r"sound\.wav: has no video stream"):
        packet_index(str(tmp_path / "sound.wav"))


@needs_assets
def test_sound_has_no_video_stream() -> None:
    with pytest.raises(DecodeError, match="has no video stream"):
        open_video(ASSETS / "torchcodec/sine_mono_s16.wav")


def test_errors_are_described_without_their_number() -> None:
    assert error_text(FileNotFoundError(2, "No such file", "x.mp4")) == "No such file"
    assert error_text(StopIteration()) == "nothing can be decoded"
    assert error_text(ValueError("bad value")) == "bad value"


def test_a_codec_that_nobody_decodes_is_named(tmp_path: Path) -> None:
    file = reordered_video(tmp_path / "video.mp4")
    file.write_bytes(file.read_bytes().replace(b"mp4v", b"zzz1").replace(b"esds", b"free"))
    with pytest.raises(DecodeError, match="no decoder here reads its codec, 'zzz1'"):
        packet_index(str(file))
