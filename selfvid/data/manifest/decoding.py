"""How the video of a manifest's row is opened: what indexing decided is not decided again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from selfvid.data.manifest.rows import Row
from selfvid.data.video.decode import decoder_versions
from selfvid.data.video.reader import DecoderName

_PACKAGES = {"decord": "decord", "pyav": "pyav", "sequential": "pyav"}


@dataclass(frozen=True)
class Decoding:
    """Arguments of `selfvid.data.video.decode.open_video` for one video.

    Attributes:
        decoder: the decoder to use.
        known_frames: number of frames that it reads, or None if the file has to be examined.
        damaged: numbers of the frames that cannot be decoded, such as "98-148".
    """

    decoder: DecoderName
    known_frames: int | None = None
    damaged: str = ""


def decoding_of(row: Row, decoder: DecoderName) -> Decoding:
    """Return how to open a row's video.

    ``auto`` takes the decoder that the manifest notes. A file is examined when it is opened if the
    noted decoder is not installed here, is another one than `decoder`, or was noted by an earlier
    version, which did not compare its frames with decoding in order.

    Args:
        row: the row.
        decoder: the decoder that the user chose, or ``auto``.
    """
    package = _PACKAGES.get(row.decoder)
    known = row.verified and row.frames > 0 and package in decoder_versions()
    if package is None or not known or decoder not in ("auto", package, row.decoder):
        return Decoding(decoder)
    return Decoding(cast(DecoderName, row.decoder), row.frames, row.damaged_frames)
