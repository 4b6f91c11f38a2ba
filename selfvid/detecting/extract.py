"""Vectors of every clip of long videos, streamed through an encoder once and kept."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from selfvid.compute import Precision, autocast, resolve_precision
from selfvid.data.annotations.checks import Policy, Problem, settle
from selfvid.data.video.decode import DecodeError, DecoderName, decoder_versions, resolve_decoder
from selfvid.data.video.streaming import ClipStream
from selfvid.detecting.corpus import Corpus
from selfvid.encoders.base import Encoder, fingerprint
from selfvid.errors import InputError
from selfvid.features.choices import check_eats_pixels
from selfvid.features.store import FeatureFile, FeatureStore

_BLOCK = 1024  # vectors in memory at once, a few MB


class ClipFeatures:
    """The vectors of the clips of one long video, on disk.

    Args:
        file: what `extract` has kept.

    Attributes:
        clips: how many there are.
        width: D.
        times: seconds of each frame of each clip, float64 (clips, T).
        spans: seconds at which each clip begins and is over, float64 (clips, 2).
    """

    def __init__(self, file: FeatureFile) -> None:
        self._file = file
        known = file.read(("times", "spans"))
        self.times: NDArray[np.float64] = known["times"].numpy()
        self.spans: NDArray[np.float64] = known["spans"].numpy()
        self.clips, self.width = file.shapes["vectors"]

    def read(self, first: int, count: int) -> Tensor:
        """Vectors `first` to `first + count`, float32 (count, D)."""
        return self._file.read(("vectors",), rows=slice(first, first + count))["vectors"]

    def blocks(self) -> Iterator[Tensor]:
        """All vectors, in parts of bounded size."""
        return (self.read(first, _BLOCK) for first in range(0, self.clips, _BLOCK))


@dataclass(frozen=True, eq=False)
class StreamEncoder:
    """An encoder, and how it is shown a video.

    Attributes:
        encoder: on the device, in evaluation mode.
        frames: T of a clip.
        size: (H, W) of a frame.
        device: where the encoder computes.
        precision: of its arithmetic.
        decoder: who decodes.
        threads: decoding threads.
    """

    encoder: Encoder
    frames: int
    size: tuple[int, int]
    device: torch.device
    precision: Precision = "auto"
    decoder: DecoderName = "auto"
    threads: int = 1

    def __post_init__(self) -> None:
        check_eats_pixels(self.encoder)
        window, exactly = self.encoder.window, self.encoder.one_length
        if self.frames < window or (exactly and self.frames != window):
            raise InputError(
                f"frames is {self.frames} and the encoder sees {window} at once; expected "
                f"{'as many' if exactly else 'at least as many'}: --frames {window}"
            )

    @property
    def key(self) -> str:
        """What the vectors depend on, beside the video, as text."""
        kept = {
            "encoder": fingerprint(self.encoder),
            "frames": self.frames,
            "size": list(self.size),
            "precision": resolve_precision(self.precision, device=self.device),
            "device": self.device.type,
            "decoder": [resolve_decoder(self.decoder), decoder_versions()],
        }
        return json.dumps(kept, sort_keys=True)

    def through(self, encoder: Encoder) -> StreamEncoder:
        """The same with another encoder."""
        return dataclasses.replace(self, encoder=encoder)

    def open(self, path: Path) -> ClipStream:
        """The clips of a video.

        Raises:
            DecodeError: where it cannot be decoded.
        """
        return ClipStream(
            path, frames=self.frames, size=self.size, decoder=self.decoder, threads=self.threads
        )

    def vectors(self, clips: Iterable[Tensor], *, of: Path) -> Iterator[Tensor]:
        """Vectors (n, D) of blocks of clips (n, T, 3, H, W) of a video, float32 on the device.

        Raises:
            InputError: where a vector is not finite.
        """
        for block in clips:
            with torch.inference_mode(), autocast(self.precision, self.device):
                found: Tensor = self.encoder(block.to(self.device)).clip.float()
            if not torch.isfinite(found).all():
                raise InputError(f"vectors of {of} are not finite; expected numbers")
            yield found


def extract(
    stream_encoder: StreamEncoder, corpus: Corpus, folder: Path, *, problems: Policy, quiet: bool
) -> tuple[Corpus, list[ClipFeatures]]:
    """The vectors of every video, from files in `folder` where they are there already.

    Args:
        stream_encoder: makes vectors.
        corpus: the videos.
        folder: for files of features, one for each video; need not exist.
        problems: what becomes of videos that cannot be decoded to their end.
        quiet: show no progress.

    Returns:
        The videos that could be read, and their vectors.

    Raises:
        InputError: where a video cannot be read that must be, or none can.
    """
    key = stream_encoder.key
    store = FeatureStore(folder / hashlib.sha256(key.encode()).hexdigest()[:16])
    found: list[ClipFeatures] = []
    faults: dict[str, Problem] = {}
    for recording in tqdm(corpus.recordings, "features", unit="video", disable=quiet):
        video = recording.video
        try:
            kept = store.find(recording.id, key=key)
            if kept is None:
                kept = _made(stream_encoder, video.path, store, recording.id, key)
            found.append(ClipFeatures(kept))
        except DecodeError as error:
            words = f"{video.place}: {video.name} cannot be read to its end ({error.cause})"
            faults[video.name] = Problem("unreadable", words, "left out")
    settle(list(faults.values()), problems, source="the videos")
    if not found:
        raise InputError("no video can be read to its end; expected at least one")
    return corpus.without(faults), found


def _made(
    stream_encoder: StreamEncoder, video: Path, store: FeatureStore, name: str, key: str
) -> FeatureFile:
    with stream_encoder.open(video) as stream:
        path = store.write_blocks(
            name,
            stream_encoder.vectors(stream, of=video),
            tensor="vectors",
            shape=(len(stream.times), stream_encoder.encoder.widths.clip),
            others={"times": stream.times, "spans": stream.spans},
            key=key,
            about={"video": str(video)},
        )
    return FeatureFile(path)
