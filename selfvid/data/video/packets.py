"""Where the frames of a video file are, found from its packets without decoding them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from selfvid.data.video.reader import DecodeError
from selfvid.data.video.source import OPTIONS, require_few_pixels, source_name

UNKNOWN_RATE = 25.0  # frames per second if a file does not give a rate: a common one
_RATES_AGREE = 0.1  # rates of files whose times are rounded, or whose frames vary a little, differ

# Largest share of repeated timestamps that is repaired. If more are wrong, time is index / rate.
_REPEATED = 0.05

# FFmpeg's warnings on stderr add nothing to the errors that are raised here.
av.logging.set_level(None)


@dataclass(frozen=True)
class PacketIndex:
    """Where the frames of a video file are.

    Attributes:
        frames: number of frames.
        stamps: presentation timestamps in increasing order, int64 (frames,), in units of the
            stream's time base; None if they are missing or unreliable.
        keys: numbers of the key frames, at which decoding can begin, in increasing order.
        key_stamps: the timestamp to seek to for each of `keys` (a decoding timestamp).
        keys_in_order: whether each key frame has the same number in decoding order as in
            presentation order, which decord assumes.
        bits: bits of one colour component.
        rate: frames per second, on average.
        codec: name of the codec.
        seconds: presentation time of each frame in seconds, float64 (frames,), also if single
            timestamps are repeated and had to be repaired; None if times are not known.
        notes: in words what was repaired or chosen.
    """

    frames: int
    stamps: NDArray[np.int64] | None
    keys: NDArray[np.int64]
    key_stamps: NDArray[np.int64]
    keys_in_order: bool
    bits: int
    rate: float
    codec: str = ""
    seconds: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()


def packet_index(path: str) -> PacketIndex:
    """Return the index of a file's packets.

    Raises:
        DecodeError: If the file cannot be opened or has no video stream.
    """
    with open_container(path) as container:
        return index_packets(container, video_stream(container, path), path)


def open_container(path: str) -> Any:
    """Return the file as an open PyAV container.

    Raises:
        DecodeError: If the file cannot be opened, or is one that names others (a playlist).
    """
    name = source_name(path)
    try:
        return av.open(name, "r", options=OPTIONS, metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise DecodeError(path, f"cannot be opened: {error_text(error)}") from None


def video_stream(container: Any, path: str) -> Any:
    """Return the video stream that FFmpeg considers the best, which is decord's choice too.

    Raises:
        DecodeError: If there is none, no decoder for its codec, or its frames are enormous.
    """
    stream = container.streams.best("video")
    # FFmpeg presents the cover picture of a sound file as a video stream.
    if stream is None or av.stream.Disposition.attached_pic in stream.disposition:
        raise DecodeError(path, "has no video stream")
    if stream.codec_context is None:
        raise DecodeError(path, f"no decoder here reads its codec, {_codec_name(container)}")
    require_few_pixels(path, stream.codec_context)
    return stream


def index_packets(container: Any, stream: Any, path: str) -> PacketIndex:
    """Read all packets of `stream`; the container is at its end afterwards.

    Raises:
        DecodeError: If packets cannot be read or there are none.
    """
    # Encoders of the DivX family write a packet of one byte for a dropped frame; it shows nothing.
    least = 2 if stream.codec_context.codec.canonical_name == "mpeg4" else 1
    try:
        packets = [
            (packet.pts, packet.dts, packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.size >= least and not packet.is_discard
        ]
    except av.error.FFmpegError as error:
        raise DecodeError(path, f"its packets cannot be read: {error_text(error)}") from None
    if not packets:
        raise DecodeError(path, "has a video stream without frames")
    pixel_format = stream.codec_context.format
    pts = [stamp for stamp, _, _ in packets]
    stamps = _reliable_stamps(pts, container, stream)
    if stamps is None:
        seconds, repaired = _repaired(pts, container, stream)
        keys = _Keys()
    else:
        seconds = (stamps * float(stream.time_base)).astype(np.float64)
        repaired = ()
        keys = _keys(packets, stamps)
    return PacketIndex(
        frames=len(packets),
        stamps=stamps,
        keys=keys.numbers,
        key_stamps=keys.stamps,
        keys_in_order=keys.in_order,
        bits=max((part.bits for part in pixel_format.components), default=8) if pixel_format else 8,
        codec=stream.codec_context.codec.canonical_name,
        rate=_rate(stream, seconds),
        seconds=seconds,
        notes=(*_choice(container, stream), *repaired),
    )


@dataclass(frozen=True)
class _Keys:
    """The key frames of a `PacketIndex`; none if frames have no reliable timestamps."""

    numbers: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    stamps: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    in_order: bool = False


def _keys(packets: list[tuple[int, int | None, bool]], stamps: NDArray[np.int64]) -> _Keys:
    """Return the key frames.

    Args:
        packets: presentation and decoding timestamps, and whether it is a key frame, as stored.
        stamps: all presentation timestamps in increasing order.
    """
    coded = [at for at, (_, _, is_key) in enumerate(packets) if is_key]  # in decoding order
    shown = np.searchsorted(stamps, [packets[at][0] for at in coded])  # in presentation order
    order = np.argsort(shown)
    to_seek = [packets[at][0] if packets[at][1] is None else packets[at][1] for at in coded]
    return _Keys(
        shown[order].astype(np.int64),
        np.array(to_seek, np.int64)[order],
        bool((shown == np.array(coded)).all()),
    )


def error_text(error: BaseException) -> str:
    """Return FFmpeg's description of an error, without numbers and paths."""
    if isinstance(error, StopIteration):
        return "nothing can be decoded"
    return str(getattr(error, "strerror", None) or error)


def _codec_name(container: Any) -> str:
    """Return the name of a video codec that has no decoder, as FFmpeg describes the container."""
    av.logging.set_level(av.logging.INFO)
    try:
        described = re.search(r"Video: (\w+)(?: \(([^ )]+) /)?", container.dumps_format())
    finally:
        av.logging.set_level(None)
    if described is None:
        return "which has no name"
    name, tag = described.groups()
    return repr(name if name != "none" or tag is None else tag)


def _reliable_stamps(
    pts: list[int | None], container: Any, stream: Any
) -> NDArray[np.int64] | None:
    """Return the timestamps in increasing order, or None if any is missing, repeated or guessed."""
    present = [stamp for stamp in pts if stamp is not None]
    stamps = np.sort(np.array(present, np.int64))
    if len(present) < len(pts) or (np.diff(stamps) == 0).any():
        return None
    return None if _guessed(container, stream) else stamps


def _repaired(
    pts: list[int | None], container: Any, stream: Any
) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    """Return the time of each frame in seconds if only a few timestamps are repeated, and a note.

    The frames of one timestamp are spread evenly up to the next timestamp.
    """
    if any(stamp is None for stamp in pts) or _guessed(container, stream):
        return None, ()
    stamps = np.sort(np.array(pts, np.int64))
    distinct, places, counts = np.unique(stamps, return_index=True, return_counts=True)
    repeated = len(stamps) - len(distinct)
    if len(distinct) < 2 or repeated > max(1, _REPEATED * len(stamps)):
        return None, ()
    # The frames after the last timestamp continue at the usual distance.
    usual = float(np.median(np.diff(distinct)))
    anchors = np.append(places, len(stamps))
    times = np.append(distinct, distinct[-1] + usual * counts[-1])
    spread = np.interp(np.arange(len(stamps)), anchors, times)
    words = "timestamp was" if repeated == 1 else "timestamps were"
    return spread * float(stream.time_base), (f"{repeated} repeated {words} repaired",)


def _guessed(container: Any, stream: Any) -> bool:
    """Return whether FFmpeg guesses the presentation times.

    AVI stores none. If frames may be reordered, the decoder was seen to return frames in another
    order than the guessed times.
    """
    return "avi" in container.format.name and bool(stream.codec_context.has_b_frames)


def _rate(stream: Any, seconds: NDArray[np.float64] | None) -> float:
    stated = float(stream.average_rate or 0)
    known = stated if seconds is None else agreeing_rate(stated, seconds)
    return known or float(stream.guessed_rate or UNKNOWN_RATE)


def agreeing_rate(stated: float, seconds: NDArray[np.float64]) -> float:
    """Return the frames per second that a file states, or the average if its times contradict.

    Args:
        stated: the stated rate; 0 if there is none.
        seconds: times of the frames, increasing, (frames,).

    Returns:
        The rate, or 0 if neither is known.
    """
    stated = stated if math.isfinite(stated) and stated > 0 else 0.0
    if len(seconds) < 2:
        return stated
    average = (len(seconds) - 1) / float(seconds[-1] - seconds[0])
    return stated if abs(stated - average) <= _RATES_AGREE * average else average


def _choice(container: Any, stream: Any) -> tuple[str, ...]:
    """Return which stream was taken, in words, if the file has several videos."""
    cover = av.stream.Disposition.attached_pic
    videos = [one for one in container.streams.video if cover not in one.disposition]
    if len(videos) < 2:
        return ()
    return (f"stream {videos.index(stream) + 1} of {len(videos)} video streams was taken",)
