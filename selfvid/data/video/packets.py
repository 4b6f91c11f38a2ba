"""Where frames lie in a file, told by its packets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from selfvid.data.video.reader import DecodeError

# FFmpeg's warnings on stderr tell a user nothing that the errors raised here do not.
av.logging.set_level(None)


@dataclass(frozen=True)
class PacketIndex:
    """Where frames lie in a file, told by its packets without decoding any.

    Attributes:
        frames: number of frames.
        stamps: presentation stamps in rising order, int64 (frames,), in units of the stream's
            time base; None where they are absent or cannot be trusted.
        keys: frame numbers at which decoding can begin, rising.
        key_stamps: the stamps to seek to for each of `keys`, in order of decoding.
        keys_in_order: whether each key frame has the same number in order of decoding as in
            order of presentation, which decord takes for granted.
        bits: bits of one colour component.
    """

    frames: int
    stamps: NDArray[np.int64] | None
    keys: NDArray[np.int64]
    key_stamps: NDArray[np.int64]
    keys_in_order: bool
    bits: int


def packet_index(path: str) -> PacketIndex:
    """Look through a file's packets without decoding any.

    Raises:
        DecodeError: where the file cannot be opened or has no video stream.
    """
    with opened(path) as container:
        return index_packets(container, video_stream(container, path), path)


def opened(path: str) -> Any:
    """An open PyAV container.

    Raises:
        DecodeError: where the file cannot be opened.
    """
    try:
        return av.open(path, metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise DecodeError(path, f"cannot be opened: {in_words(error)}") from None


def video_stream(container: Any, path: str) -> Any:
    """The video stream that FFmpeg calls best, as decord does.

    Raises:
        DecodeError: where there is none.
    """
    stream = container.streams.best("video")
    # A sound file's cover picture is a video stream to FFmpeg.
    if stream is None or av.stream.Disposition.attached_pic in stream.disposition:
        raise DecodeError(path, "has no video stream")
    return stream


def index_packets(container: Any, stream: Any, path: str) -> PacketIndex:
    """Read all packets of `stream`, which leaves its container at the end.

    Raises:
        DecodeError: where packets cannot be read or there are none.
    """
    # Encoders of the DivX family mark a dropped frame by a packet of one byte, shown as nothing.
    least = 2 if stream.codec_context.codec.canonical_name == "mpeg4" else 1
    try:
        packets = [
            (packet.pts, packet.dts, packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.size >= least and not packet.is_discard
        ]
    except av.error.FFmpegError as error:
        raise DecodeError(path, f"cannot be looked through: {in_words(error)}") from None
    if not packets:
        raise DecodeError(path, "has a video stream without frames")
    pixel_format = stream.codec_context.format
    bits = max((part.bits for part in pixel_format.components), default=8) if pixel_format else 8
    stamps = _trusted_stamps([pts for pts, _, _ in packets], container, stream)
    if stamps is None:
        none = np.zeros(0, np.int64)
        return PacketIndex(len(packets), None, none, none, False, bits)
    coded = [at for at, (_, _, is_key) in enumerate(packets) if is_key]
    shown = np.searchsorted(stamps, [packets[at][0] for at in coded])
    order = np.argsort(shown)
    to_seek = [packets[at][0] if packets[at][1] is None else packets[at][1] for at in coded]
    return PacketIndex(
        frames=len(packets),
        stamps=stamps,
        keys=shown[order].astype(np.int64),
        key_stamps=np.array(to_seek, np.int64)[order],
        keys_in_order=bool((shown == np.array(coded)).all()),
        bits=bits,
    )


def _trusted_stamps(pts: list[int | None], container: Any, stream: Any) -> NDArray[np.int64] | None:
    """The stamps in rising order, or None where they are absent, repeated or mere guesses."""
    known = [stamp for stamp in pts if stamp is not None]
    stamps = np.sort(np.array(known, np.int64))
    if len(known) < len(pts) or (np.diff(stamps) == 0).any():
        return None
    # AVI keeps no presentation times: where frames may be reordered FFmpeg's are guesses, and
    # frames were seen to come out of the decoder in another order than theirs.
    if "avi" in container.format.name and stream.codec_context.has_b_frames:
        return None
    return stamps


def in_words(error: BaseException) -> str:
    """FFmpeg's own words for an error, without numbers and paths."""
    if isinstance(error, StopIteration):
        return "nothing can be decoded"
    return str(getattr(error, "strerror", None) or error)
