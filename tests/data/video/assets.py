"""Which decoder reads which of the shared test files, and a small video with B-frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from selfvid.data.video.decode import DecoderName, decoder_versions
from selfvid.data.video.reader import Frames
from tests.data.footage import ASSETS

HAS_DECORD = "decord" in decoder_versions()
DECODERS: tuple[DecoderName, ...] = ("pyav", "decord") if HAS_DECORD else ("pyav",)

needs_assets = pytest.mark.skipif(not ASSETS.exists(), reason=f"{ASSETS} is not here")
needs_decord = pytest.mark.skipif(not HAS_DECORD, reason="decord is not installed")

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
# With the reason why decord does not read them.
READ_BY_PYAV = {
    "mmaction2/S001C001P001R001A001_rgb.avi": "timestamps",
    "mmaction2/test.avi": "timestamps",
    "torchcodec/av1_video.mkv": "no video stream",
    "torchcodec/h264_10bits.mp4": "10 bits",
    "torchcodec/h265_10bits.mp4": "10 bits",
    "torchcodec/h265_video.mp4": "key frames",
}
READ_BY_ANY = (*READ_BY_DECORD, *READ_BY_PYAV)


def reordered_video(path: Path, *, codec: str = "mpeg4", frames: int = 24, **options: str) -> Path:
    """Write a video of noise with B-frames, which are stored in another order than shown."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=10, options={"g": "6", "bf": "2", **options})
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        stream.thread_count = 1
        for _ in range(frames):
            blocks = rng.integers(0, 256, (4, 8, 3), np.uint8)
            pixels = blocks.repeat(8, 0).repeat(8, 1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def decoded(path: Path) -> tuple[Frames, list[Any]]:
    """Return the pixels of all frames and the frames, decoded one after the other by PyAV alone."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return np.stack([frame.to_ndarray(format="rgb24") for frame in frames]), frames
