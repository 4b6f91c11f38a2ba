from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from selfvid.data.indexing import inspect
from selfvid.data.indexing.inspect import check_decoder, inspect_video
from selfvid.data.video.decode import BrokenDecoderError
from selfvid.data.video.files import content_id
from selfvid.data.video.reader import DecodeError, Frames, Header, Indices, VideoReader
from tests.data.footage import numbered_video, numbers


class DamagedReader(VideoReader):
    """A video of 20 grey frames that cannot be decoded from one frame on."""

    header = Header(8, 8, "none")

    def __init__(self, good: int, *, decoder: str = "pyav") -> None:
        super().__init__("damaged.mp4")
        self.decoder, self.frames, self.rate, self.times = decoder, 20, 10.0, None
        self.good = good

    def _decode(self, indices: Indices) -> Frames:
        if indices[-1] >= self.good:
            raise DecodeError(self.path, f"no frame {indices[-1]}")
        return np.zeros((len(indices), 8, 8, 3), np.uint8)

    def close(self) -> None:
        pass


def test_a_good_video_is_measured(tmp_path: Path) -> None:
    file = numbered_video(tmp_path / "video.mp4", frames=7, size=(48, 96))
    found = inspect_video(str(file), "pyav")
    assert found["error"] == ""
    assert found["video"] == content_id(file)
    assert (found["frames"], found["width"], found["height"]) == (7, 96, 48)
    assert (found["rate"], found["duration"]) == (pytest.approx(10), pytest.approx(0.7))
    assert (found["codec"], found["decoder"], found["timestamps"]) == ("h264", "pyav", True)


def test_thumbnails_show_the_first_the_middle_and_the_last_frame(tmp_path: Path) -> None:
    file = numbered_video(tmp_path / "video.mp4", frames=9)
    text = inspect_video(str(file), "pyav")["thumbnails"]
    values = np.frombuffer(base64.b64decode(text), np.uint8)
    assert numbers(values.reshape(3, 6, 6)) == [0, 4, 8]


def test_a_file_of_one_frame_is_too_short(tmp_path: Path) -> None:
    file = numbered_video(tmp_path / "video.mp4", frames=1)
    assert inspect_video(str(file), "pyav")["error"] == "too short (1 frame; 2 needed)"


@pytest.mark.parametrize("good", [0, 1, 5, 10, 15, 19])
def test_damage_is_reported_at_the_first_frame_that_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, good: int
) -> None:
    monkeypatch.setattr(inspect, "open_video", lambda *_, **__: DamagedReader(good))
    error = inspect_video(str(tmp_path), "pyav")["error"]
    assert error == f"damaged at frame {good} of 20 (no frame {good})"


def test_auto_tries_pyav_if_decord_finds_damage(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened = []

    def open_video(_: str, *, decoder: str) -> VideoReader:
        opened.append(decoder)
        return DamagedReader(20) if decoder == "pyav" else DamagedReader(5, decoder="decord")

    monkeypatch.setattr(inspect, "open_video", open_video)
    found = inspect_video(str(tmp_path), "auto")
    assert (found["decoder"], found["error"], opened) == ("pyav", "", ["auto", "pyav"])
    assert "damaged at frame 5" in inspect_video(str(tmp_path), "decord")["error"]


def test_what_cannot_be_opened_is_described_in_words(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a video")
    text = inspect_video(str(tmp_path / "text.mp4"), "pyav")
    assert text["error"].startswith("unreadable (cannot be opened: Invalid data")
    assert text["video"] == content_id(tmp_path / "text.mp4")
    missing = inspect_video(str(tmp_path / "none.mp4"), "pyav")
    assert missing["error"] == "unreadable (cannot be opened: No such file or directory)"
    assert missing["video"] == ""


def test_only_a_broken_decoder_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_decoder("pyav") == ""

    def broken(_: str) -> None:
        raise BrokenDecoderError("decoder pyav gives noise")

    monkeypatch.setattr(inspect, "preflight", broken)
    assert check_decoder("pyav") == "decoder pyav gives noise"
