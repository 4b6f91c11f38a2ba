from __future__ import annotations

import base64
from pathlib import Path

import av
import numpy as np
import pytest

from selfvid.data.indexing import inspect
from selfvid.data.indexing.inspect import check_decoder, inspect_video
from selfvid.data.video.decode import BrokenDecoderError
from selfvid.data.video.files import content_id
from tests.data.footage import numbered_video, numbers
from tests.data.video.barcodes import write_barcodes


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


def torn(path: Path, *, packets: int) -> Path:
    """Write a video whose file ends in the middle of a packet; its header comes first."""
    write_barcodes(path, frames=40, b_frames=2, container={"movflags": "faststart"})
    with av.open(str(path)) as container:
        places = [packet.pos or 0 for packet in container.demux(video=0) if packet.size]
    path.write_bytes(path.read_bytes()[: places[packets] + 10])
    return path


def test_a_torn_tail_keeps_the_frames_before_it(tmp_path: Path) -> None:
    found = inspect_video(str(torn(tmp_path / "torn.mp4", packets=30)), "pyav")
    assert (found["error"], found["verified"]) == ("", True)
    assert 24 <= found["frames"] < 31
    assert found["duration"] == pytest.approx(found["frames"] / 25)
    assert found["remarks"].startswith(f"damaged from frame {found['frames']} of ")


def test_what_cannot_be_opened_is_described_in_words(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_bytes(b"not a video" + bytes(range(255)))
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
