from __future__ import annotations

import os
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from selfvid.data.video import source
from selfvid.data.video.decode import open_video
from selfvid.data.video.files import IMAGE_SUFFIXES
from selfvid.data.video.reader import DecodeError
from selfvid.data.video.source import require_few_pixels, source_name
from tests.data.footage import numbered_video, numbers
from tests.data.video.assets import DECODERS

PLAYLISTS = {
    "concat": b"ffconcat version 1.0\nfile inner.mp4\n",
    "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\ninner.mp4\n#EXT-X-ENDLIST\n",
    "hls after bytes": b"\xff\xfe junk that is no text \x01 \xfd " * 3 + b"#EXTM3U\ninner.mp4\n",
    "dash": b'\xef\xbb\xbf<?xml version="1.0"?>\n<MPD profiles="dash:profile"></MPD>\n',
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "names": b"inner.mp4\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("decoder", DECODERS)
def test_texts_that_name_other_files_are_refused_by_content(
    tmp_path: Path, kind: str, decoder: str
) -> None:
    numbered_video(tmp_path / "inner.mp4", frames=3)
    for name in ("list.avi", "list.mp4"):
        (tmp_path / name).write_bytes(PLAYLISTS[kind])
        for known in (None, 3):  # a manifest may claim that the file was examined
            with pytest.raises(DecodeError, match="is a text, such as a playlist"):
                open_video(tmp_path / name, decoder=decoder, known_frames=known)  # type: ignore[arg-type]


def test_ffmpeg_itself_opens_only_formats_with_their_own_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second lock holds if a playlist is not recognised by its beginning."""
    numbered_video(tmp_path / "inner.mp4", frames=3)
    (tmp_path / "list.avi").write_bytes(PLAYLISTS["concat"])
    (tmp_path / "list.png").write_bytes(PLAYLISTS["concat"])
    monkeypatch.setattr(source, "_is_playlist", lambda _: False)
    for name in ("list.avi", "list.png"):
        with pytest.raises(DecodeError, match="Invalid argument"):
            open_video(tmp_path / name, decoder="pyav").read([0])


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_relative_name_with_a_colon_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoder: str
) -> None:
    numbered_video(tmp_path / "cam10.mp4", frames=3).rename(tmp_path / "cam10:20.mp4")
    monkeypatch.chdir(tmp_path)
    with open_video("cam10:20.mp4", decoder=decoder) as reader:  # type: ignore[arg-type]
        assert numbers(reader.read([2, 0])) == [2, 0]


def test_pipes_devices_and_sockets_are_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    os.mkfifo("pipe.mp4")
    os.mkfifo("pipe.png")
    Path("device.mp4").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.mp4")
        for name in ("pipe.mp4", "device.mp4", "socket.mp4"):
            for decoder in DECODERS:
                with pytest.raises(DecodeError, match="is not a regular file"):
                    open_video(name, decoder=decoder, known_frames=3)
        with pytest.raises(DecodeError, match="is not a regular file"):
            open_video("pipe.png").read([0])
    with pytest.raises(DecodeError, match="No such file"):
        source_name("gone.mp4")


def test_raw_video_that_begins_with_text_is_no_playlist(tmp_path: Path) -> None:
    file = tmp_path / "raw.y4m"
    picture = bytes(6)  # 2x2 pixels of 4:2:0
    file.write_bytes(b"YUV4MPEG2 W2 H2 F10:1 Ip A1:1 C420jpeg\n" + 2 * (b"FRAME\n" + picture))
    with open_video(file, decoder="pyav") as reader:
        assert reader.frames == 2


def test_every_kind_of_image_is_among_the_formats(tmp_path: Path) -> None:
    for suffix in IMAGE_SUFFIXES:
        file = tmp_path / f"a{suffix}"
        Image.new("L" if suffix == ".pgm" else "RGB", (8, 8), "white").save(file)
        assert (open_video(file).read([0]) == 255).all()


def test_enormous_frames_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    require_few_pixels("8k.mp4", SimpleNamespace(width=7680, height=4320))
    with pytest.raises(DecodeError, match=r"frames of 8192x8192; expected at most 50,000,000"):
        require_few_pixels("big.mp4", SimpleNamespace(width=8192, height=8192))
    Image.new("1", (8192, 8192)).save(tmp_path / "big.png")
    with pytest.raises(DecodeError, match="8192x8192"):
        open_video(tmp_path / "big.png").read([0])
