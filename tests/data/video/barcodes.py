"""Videos whose frames show their own number as a barcode, in many containers and codecs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from selfvid.data.video.reader import DecodeError, Frames, VideoReader

BITS = 10
HEIGHT, WIDTH = 48, 80  # 3 rows of 4 blocks each, of 16 by 20 pixels


def barcode(number: int) -> Frames:
    """Return a picture (H, W, 3): ten blocks, white where the number has a bit, black elsewhere."""
    bits = [number >> bit & 1 for bit in range(12)]
    blocks = np.array(bits, np.uint8).reshape(3, 4) * 255
    return np.stack([blocks.repeat(HEIGHT // 3, 0).repeat(WIDTH // 4, 1)] * 3, axis=-1)


def number_of(picture: Frames) -> int:
    """Return the number that a picture of any size shows."""
    height, width = picture.shape[:2]
    rows = (np.arange(3) + 0.5) * height / 3
    columns = (np.arange(4) + 0.5) * width / 4
    blocks = picture.mean(-1)[rows.astype(int)][:, columns.astype(int)] > 127
    return int((blocks.ravel()[:BITS] * (1 << np.arange(BITS))).sum())


def write_barcodes(
    path: Path,
    *,
    codec: str = "libx264",
    frames: int = 40,
    group: int = 12,
    b_frames: int = 0,
    sound: bool = False,
    start: int = 0,
    pixels: str = "yuv420p",
    size: tuple[int, int] = (HEIGHT, WIDTH),
    times: list[int] | None = None,
    container: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """Write frames 0 to `frames` - 1 at 25 per second; `start` shifts all times, in frames."""
    with av.open(str(path), "w", options=container or {}) as out:
        stream: Any = out.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *size, pixels
        stream.thread_count = 1
        stream.codec_context.gop_size = group
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.bit_rate = 400_000
        stream.options = options
        audio = _silence(out, frames) if sound else iter(())
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(barcode(number), format="rgb24")
            frame = frame.reformat(width=size[1], height=size[0], format=pixels)
            frame.pts = start + (number if times is None else times[number])
            frame.time_base = Fraction(1, 25)
            # Both encoders have to be open before the first packet is written.
            out.mux([*stream.encode(frame), *next(audio, [])])
        out.mux([*stream.encode(None), *next(audio, [])])
    return path


def _silence(out: Any, frames: int) -> Any:
    stream = out.add_stream("mp2" if "mp2" in out.supported_codecs else out.default_audio_codec)
    for number in range(frames):
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 1920), np.int16), "s16", "stereo")
        sound.sample_rate, sound.pts, sound.time_base = 48000, number * 1920, Fraction(1, 48000)
        yield list(stream.encode(sound))
    yield list(stream.encode(None))


def wrong_frames(reader: VideoReader, *, first: int = 0, step: int = 1) -> list[tuple[int, int]]:
    """Return the frames that single reads in mixed order give wrongly; an error is not wrong."""
    wrong = []
    for index in np.random.default_rng(0).permutation(reader.frames)[::step].tolist():
        try:
            shown = number_of(reader.read([index])[0])
        except DecodeError:
            continue
        if shown != index + first:
            wrong.append((index, shown))
    return wrong
