"""Whether seeking to key frames gives the packets that reading from the beginning gives.

The packets are compared by timestamp and content. This needs no decoding, so that every key frame
of most files can be tried.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from typing import Any

import av
import numpy as np

from selfvid.data.video.packets import PacketIndex, open_container, video_stream

_TRIED = 64  # key frames that are sought, spread evenly over a file that has more
_BEYOND = 4  # packets after the next key frame that are compared too

Packet = tuple[int | None, int]  # presentation timestamp, checksum of the content


def stray_seek(path: str, index: PacketIndex) -> str | None:
    """Return which seek gives other packets, in words, or None if none does.

    Args:
        path: the file.
        index: its packets; the file has reliable timestamps.
    """
    stamps = index.stamps
    assert stamps is not None
    with open_container(path) as container:
        stream = video_stream(container, path)
        stored = list(_packets(container, stream))
        place = {packet: at for at, packet in enumerate(stored)}
        at_stamp = {stamp: at for at, (stamp, _) in enumerate(stored)}
        starts = sorted(at_stamp[int(stamps[key])] for key in index.keys)
        last = len(index.keys) - 1
        chosen = {round(place) for place in np.linspace(0, last, _TRIED).tolist()}
        for key in sorted(chosen - {0, -1}):
            number = int(index.keys[key])
            wanted = at_stamp[int(stamps[number])]
            past = min((at for at in starts if at > wanted), default=len(stored)) + _BEYOND
            try:
                container.seek(int(index.key_stamps[key]), stream=stream)
                found = _packets(container, stream)
                first = next(found)
            except (av.error.FFmpegError, StopIteration):
                return f"seeking to frame {number} fails"
            begin = place.get(first, len(stored))
            ahead = list(itertools.islice(found, max(past - begin - 1, 0)))
            if begin > wanted or [first, *ahead] != stored[begin:past]:
                return f"seeking to frame {number} gives other packets than reading up to it"
    return None


def _packets(container: Any, stream: Any) -> Iterator[Packet]:
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet.pts, zlib.crc32(packet)
    except av.error.FFmpegError:
        return
