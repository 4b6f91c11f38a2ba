"""Vectors of all clips of long videos, computed by an encoder once and kept on disk."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from selfvid.compute import Precision, autocast, resolve_precision
from selfvid.data.annotations.checks import Policy, Problem, settle
from selfvid.data.flow.origin import FlowOrigin, FlowReading
from selfvid.data.flow.streaming import FlowStream
from selfvid.data.video.decode import DecodeError, DecoderName, decoder_versions, resolve_decoder
from selfvid.data.video.streaming import ClipStream
from selfvid.detecting.corpus import Corpus
from selfvid.encoders.base import Encoder, fingerprint
from selfvid.errors import InputError
from selfvid.features.choices import choose_flow
from selfvid.features.store import FeatureFile, FeatureStore

_BLOCK = 1024  # vectors read at once: a few MB, and few reads


class ClipFeatures:
    """The vectors of the clips of one long video, on disk.

    Args:
        file: a file that `extract` wrote.

    Attributes:
        clips: number of clips.
        width: D.
        times: seconds of each frame of each clip, float64 (clips, T).
        spans: begin and end of each clip in seconds, float64 (clips, 2).
    """

    def __init__(self, file: FeatureFile) -> None:
        self._file = file
        arrays = file.read(("times", "spans"))
        self.times: NDArray[np.float64] = arrays["times"].numpy()
        self.spans: NDArray[np.float64] = arrays["spans"].numpy()
        self.clips, self.width = file.shapes["vectors"]

    def read(self, first: int, count: int) -> Tensor:
        """Return `count` vectors, starting with vector `first`, float32 (count, D)."""
        return self._file.read(("vectors",), rows=slice(first, first + count))["vectors"]

    def blocks(self) -> Iterator[Tensor]:
        """Return all vectors in order, in blocks of bounded size."""
        return (self.read(first, _BLOCK) for first in range(0, self.clips, _BLOCK))


@dataclass(frozen=True, eq=False)
class StreamEncoder:
    """An encoder that is applied to the consecutive clips of a video.

    Attributes:
        encoder: the encoder, on the device and in evaluation mode.
        frames: T, the frames of a clip.
        size: (H, W) of a frame.
        device: the device that computes.
        precision: precision of the encoder's arithmetic.
        decoder: the decoder to use.
        threads: decoding threads.
        flow: where optical flow comes from, for an encoder that takes flow.

    Raises:
        InputError: If the encoder takes flow and there is none, or it takes pixels and there is
            flow, or it takes no clips of so many frames.
    """

    encoder: Encoder
    frames: int
    size: tuple[int, int]
    device: torch.device
    precision: Precision = "auto"
    decoder: DecoderName = "auto"
    threads: int = 1
    flow: FlowOrigin | None = None

    def __post_init__(self) -> None:
        if self.reading is None and self.flow is not None:
            raise InputError("flow is given but the encoder takes pixels; expected no --flow")
        window, exactly = self.encoder.window, self.encoder.one_length
        if self.frames < window or (exactly and self.frames != window):
            raise InputError(
                f"frames is {self.frames} and the encoder sees {window} at once; expected "
                f"{'as many' if exactly else 'at least as many'}: --frames {window}"
            )

    @property
    def reading(self) -> FlowReading | None:
        """The flow that clips are cut from; None for clips of frames."""
        return choose_flow(self.encoder, self.flow)

    @property
    def needed(self) -> int:
        """The number of frames of the shortest video that has a clip."""
        return self.frames if self.reading is None else self.frames + FlowStream.beyond

    @property
    def key(self) -> str:
        """A text that names everything that the vectors depend on, besides the video."""
        settings: dict[str, Any] = {
            "encoder": fingerprint(self.encoder),
            "frames": self.frames,
            "size": list(self.size),
            "precision": resolve_precision(self.precision, device=self.device),
            "device": self.device.type,
            "decoder": [resolve_decoder(self.decoder), decoder_versions()],
        }
        if self.reading is not None:
            settings["flow"] = self.reading.key()
        return json.dumps(settings, sort_keys=True)

    def with_encoder(self, encoder: Encoder) -> StreamEncoder:
        """Return a copy that uses another encoder."""
        return dataclasses.replace(self, encoder=encoder)

    def open(self, path: Path) -> ClipStream:
        """Open a video and return its clips.

        Raises:
            DecodeError: If the video cannot be decoded.
            InputError: If a folder of flow has no flow of the video.
        """
        how: dict[str, Any] = {"frames": self.frames, "size": self.size, "decoder": self.decoder}
        if self.reading is None:
            return ClipStream(path, threads=self.threads, **how)
        return FlowStream(path, flow=self.reading, threads=self.threads, **how)

    def vectors(self, clips: Iterable[Tensor], *, of: Path) -> Iterator[Tensor]:
        """Yield the vectors of each block of clips, float32 (n, D) on the device.

        Args:
            clips: blocks of consecutive clips, (n, T, C, H, W).
            of: the video that they come from, for messages.

        Raises:
            InputError: If a vector is not finite.
        """
        for block in clips:
            with torch.inference_mode(), autocast(self.precision, self.device):
                vectors: Tensor = self.encoder(block.to(self.device)).clip.float()  # (n, D)
            if not torch.isfinite(vectors).all():
                raise InputError(f"vectors of {of} are not finite; expected numbers")
            yield vectors


def extract(
    stream_encoder: StreamEncoder, corpus: Corpus, folder: Path, *, problems: Policy, quiet: bool
) -> tuple[Corpus, list[ClipFeatures]]:
    """Return the vectors of every video; those that `folder` contains already are not recomputed.

    Args:
        stream_encoder: computes the vectors.
        corpus: the videos.
        folder: folder of feature files, one for each video; it need not exist.
        problems: whether a video that cannot be decoded to its end stops the work or is left out.
        quiet: show no progress.

    Returns:
        The videos that could be read, and their vectors.

    Raises:
        InputError: If a video cannot be read and `problems` is "stop", or if none can be read.
    """
    key = stream_encoder.key  # contains a hash of all weights, so it is computed only once
    # A folder of its own for each key, so that several encoders can share `folder`.
    store = FeatureStore(folder / hashlib.sha256(key.encode()).hexdigest()[:16])
    features: list[ClipFeatures] = []
    faults: dict[str, Problem] = {}
    for recording in tqdm(corpus.recordings, "features", unit="video", disable=quiet):
        video = recording.video
        try:
            file = store.find(recording.id, key=key)
            if file is None:
                file = _compute(stream_encoder, video.path, store, recording.id, key)
            features.append(ClipFeatures(file))
        except DecodeError as error:
            words = f"{video.place}: {video.name} cannot be read to its end ({error.cause})"
            faults[video.name] = Problem("unreadable", words, "left out")
    settle(list(faults.values()), problems, source="the videos")
    if not features:
        raise InputError("no video can be read to its end; expected at least one")
    return corpus.without(faults), features


def _compute(
    encoder: StreamEncoder, video: Path, store: FeatureStore, name: str, key: str
) -> FeatureFile:
    """Write the vectors of one video to the store, and return their file."""
    with encoder.open(video) as stream:
        path = store.write_blocks(
            name,
            encoder.vectors(stream, of=video),
            tensor="vectors",
            shape=(len(stream.times), encoder.encoder.widths.clip),
            others={"times": stream.times, "spans": stream.spans},
            key=key,
            about={"video": str(video)},
        )
    return FeatureFile(path)
