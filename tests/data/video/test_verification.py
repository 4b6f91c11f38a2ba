from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from selfvid.data.video.decode import open_video
from selfvid.data.video.reader import DecodeError, DecoderName
from selfvid.data.video.verification import verify
from tests.data.video.assets import DECODERS, needs_decord
from tests.data.video.barcodes import barcode, number_of, write_barcodes, wrong_frames

BOTH: tuple[DecoderName, ...] = ("auto", "pyav")
FRAMES = 26
# Group length, B-frames, sound, first time in frames.
SHAPES = ((8, 0, False, 0), (8, 2, True, 0), (4, 2, False, 5), (100, 0, True, 3))
STORES = {
    "mp4": ("libx264", "mpeg4"),
    "mov": ("libx264", "mjpeg"),
    "mkv": ("libx264", "mpeg2video", "libvpx-vp9"),
    "avi": ("libx264", "mpeg4", "mjpeg"),
    "ts": ("libx264", "mpeg2video"),
    "mpg": ("mpeg2video", "mpeg1video"),
    "asf": ("libx264", "mpeg4", "wmv2"),
    "flv": ("libx264", "flv"),
    "nut": ("libx264", "mpeg4"),
    "mxf": ("libx264", "mpeg2video"),
    "webm": ("libvpx",),
    "gif": ("gif",),
    "h264": ("libx264",),
    "m2v": ("mpeg2video",),
}
ORDERED = ("mjpeg", "wmv2", "flv", "libvpx", "libvpx-vp9", "gif")  # without B-frames
SILENT = ("gif", "h264", "m2v", "mxf")
# A set, because shapes become equal where a codec has no B-frames or a container no sound.
CELLS = sorted(
    {
        (
            container,
            codec,
            group,
            0 if codec in ORDERED else b_frames,
            sound and container not in SILENT,
            start,
        )
        for container, codecs in STORES.items()
        for codec in codecs
        for group, b_frames, sound, start in SHAPES
    }
)
PIXELS = {"gif": "rgb8", "mjpeg": "yuvj420p"}


@pytest.mark.parametrize(("container", "codec", "group", "b_frames", "sound", "start"), CELLS)
def test_every_frame_is_the_right_one_or_is_refused(
    tmp_path: Path, container: str, codec: str, group: int, b_frames: int, sound: bool, start: int
) -> None:
    """In every container, codec, group length, with and without B-frames, sound and offset."""
    file = tmp_path / f"video.{container}"
    settings: dict[str, Any] = {"codec": codec, "frames": FRAMES, "group": group}
    settings |= {"b_frames": b_frames, "start": start, "pixels": PIXELS.get(codec, "yuv420p")}
    write_barcodes(file, sound=sound, **settings)
    for decoder in BOTH:
        with open_video(file, decoder=decoder) as reader:
            assert reader.frames == FRAMES
            assert not wrong_frames(reader)
            assert number_of(reader.read([FRAMES - 1])[0]) == FRAMES - 1  # nothing is left out


@pytest.mark.parametrize("name", ["video.mp4", "video.mkv", "video.ts", "video.h264"])
def test_streams_that_are_refreshed_in_pieces_are_read_rightly(tmp_path: Path, name: str) -> None:
    refreshed = "intra-refresh=1:keyint=10"
    file = write_barcodes(tmp_path / name, frames=50, group=50, x264opts=refreshed)
    for decoder in BOTH:
        with open_video(file, decoder=decoder) as reader:
            assert reader.frames == 50
            assert not wrong_frames(reader)


@pytest.mark.parametrize(
    "settings",
    [
        {"x264opts": "open-gop=1:keyint=8:b-pyramid=normal", "b_frames": 2},
        {"container": {"movflags": "frag_keyframe+empty_moov"}, "b_frames": 2},
        {"pixels": "yuv420p10le", "b_frames": 2},
        {"times": [2 * n + (n % 3 == 0) for n in range(40)], "b_frames": 2},
        {"times": [n + 30 * (n > 20) for n in range(40)]},
        {"codec": "mpeg4", "b_frames": 2},
    ],
    ids=["open groups", "fragments", "10 bits", "uneven", "gap", "mpeg4"],
)
def test_other_streams_in_mp4_are_read_rightly(tmp_path: Path, settings: dict[str, Any]) -> None:
    file = write_barcodes(tmp_path / "video.mp4", group=8, **settings)
    for decoder in BOTH:
        with open_video(file, decoder=decoder) as reader:
            assert reader.frames == 40
            assert not wrong_frames(reader)


def rewritten(source: Path, out: Path, *, without: range) -> Path:
    """Copy the packets of a video, but those whose numbers in storing order are in `without`."""
    with av.open(str(source)) as old, av.open(str(out), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(old.demux(video=0)):
            if packet.size and number not in without:
                packet.stream = stream
                new.mux(packet)
    return out


def test_pictures_before_the_first_key_frame_are_not_counted(tmp_path: Path) -> None:
    whole = write_barcodes(tmp_path / "whole.mp4", frames=50, b_frames=2)
    file = rewritten(whole, tmp_path / "late.mp4", without=range(1))
    for decoder in BOTH:
        with open_video(file, decoder=decoder) as reader:
            first = number_of(reader.read([0])[0])
            assert reader.frames == 50 - first
            assert first > 1
            assert not wrong_frames(reader, first=first)
    assert f"first {first - 1} pictures cannot be decoded" in verify(str(file), ("pyav",)).note


def test_after_a_lost_key_frame_frames_are_errors_until_the_next(tmp_path: Path) -> None:
    whole = write_barcodes(tmp_path / "whole.mp4", frames=60, b_frames=2)
    file = rewritten(whole, tmp_path / "lost.mp4", without=range(24, 25))
    for decoder in BOTH:
        with open_video(file, decoder=decoder) as reader:
            before = reader.read(range(20))
            assert [number_of(frame) for frame in before] == list(range(20))
            # Of 60 frames one is lost, so that those behind it have a number that is one less.
            assert number_of(reader.read([reader.frames - 1])[0]) == reader.frames
            with pytest.raises(DecodeError, match=r"frame \d+ of 59 is damaged"):
                reader.read(range(reader.frames))


def test_a_repeated_timestamp_is_repaired(tmp_path: Path) -> None:
    whole = write_barcodes(tmp_path / "whole.mkv", codec="mjpeg", pixels="yuvj420p", frames=30)
    file = tmp_path / "repeated.mkv"
    earlier: int | None = None
    with av.open(str(whole)) as old, av.open(str(file), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(old.demux(video=0)):
            if packet.size:
                packet.stream = stream
                if number == 11:
                    packet.pts = packet.dts = earlier
                earlier = packet.pts
                new.mux(packet)
    with open_video(file) as reader:
        assert reader.times is not None
        np.testing.assert_allclose(reader.times, np.arange(30) / 25, atol=1 / 25)
        assert not wrong_frames(reader)
    assert verify(str(file), ("pyav",)).note == "1 repeated timestamp was repaired"


def test_palette_video_is_not_black(tmp_path: Path) -> None:
    file = tmp_path / "palette.avi"
    greys = np.arange(256, dtype=np.uint8)[:, None].repeat(4, 1)
    with av.open(str(file), "w") as out:
        stream: Any = out.add_stream("rawvideo", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 80, "pal8"
        for number in range(6):
            picture: Any = (barcode(number)[..., 0], greys)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="pal8")))
        out.mux(stream.encode(None))
    for decoder in BOTH:
        with open_video(file, decoder=decoder) as reader:
            assert [number_of(reader.read([n])[0]) for n in (5, 2, 0, 3)] == [5, 2, 0, 3]


def test_the_stream_that_was_taken_is_named(tmp_path: Path) -> None:
    file = tmp_path / "two.mkv"
    with av.open(str(file), "w") as out:
        streams: list[Any] = [out.add_stream("mpeg4", rate=25) for _ in range(2)]
        for side, stream in zip((32, 64), streams, strict=True):
            stream.height = stream.width = side
            stream.pix_fmt = "yuv420p"
        for _ in range(4):
            for stream in streams:
                pixels = np.zeros((stream.height, stream.width, 3), np.uint8)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        for stream in streams:
            out.mux(stream.encode(None))
    verdict = verify(str(file), DECODERS)
    taken = {32: 1, 64: 2}[len(verdict.pictures[0])]
    assert verdict.note == f"stream {taken} of 2 video streams was taken"


@needs_decord
def test_a_decoder_that_is_named_alone_is_refused_where_it_is_wrong(tmp_path: Path) -> None:
    file = write_barcodes(tmp_path / "video.ts", b_frames=2)
    with pytest.raises(DecodeError, match="decord cannot read it correctly, use pyav"):
        open_video(file, decoder="decord")


def test_a_long_file_is_compared_at_its_ends_only(tmp_path: Path) -> None:
    file = write_barcodes(tmp_path / "long.mp4", frames=1010, group=50, b_frames=2)
    for decoders in (DECODERS, ("pyav",)):
        verdict = verify(str(file), decoders)
        assert verdict.decoder in decoders
        assert verdict.frames == 1010
        assert verdict.note == ""
        assert number_of(verdict.pictures[0]) == 0
        assert number_of(verdict.pictures[-1]) == 1009
