"""Vectors of every clip of long videos, streamed through an encoder once and kept."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from selfvid.data.annotations.checks import Policy, Problem, settle
from selfvid.features.stream_store import ClipFeatures, write_clip_features
from selfvid.data.video.decode import DecodeError, DecoderName, decoder_versions, resolve_decoder
from selfvid.data.video.streaming import ClipStream
from selfvid.encoders.base import Encoder
from selfvid.encoders.fingerprint import fingerprint
from selfvid.compute import Precision, autocast, resolve_precision
from selfvid.errors import InputError
from selfvid.features.choices import check_eats_pixels
from selfvid.detecting.corpus import Corpus


@dataclass(frozen=True, eq=False)
class Eye:
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

    def through(self, encoder: Encoder) -> Eye:
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
    eye: Eye, corpus: Corpus, folder: Path, *, problems: Policy, quiet: bool
) -> tuple[Corpus, list[ClipFeatures]]:
    """The vectors of every video, from files in `folder` where they are there already.

    Args:
        eye: makes vectors.
        corpus: the videos.
        folder: for files of features, one for each video; need not exist.
        problems: what becomes of videos that cannot be decoded to their end.
        quiet: show no progress.

    Returns:
        The videos that could be read, and their vectors.

    Raises:
        InputError: where a video cannot be read that must be, or none can.
    """
    key = eye.key
    shelf = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
    shelf.mkdir(parents=True, exist_ok=True)
    found: list[ClipFeatures] = []
    faults: dict[str, Problem] = {}
    for recording in tqdm(corpus.recordings, "features", unit="video", disable=quiet):
        video, path = recording.video, shelf / f"{recording.id}.safetensors"
        try:
            found.append(_kept(path, key) or _made(eye, video.path, path, key))
        except DecodeError as error:
            words = f"{video.place}: {video.name} cannot be read to its end ({error.cause})"
            faults[video.name] = Problem("unreadable", words, "left out")
    settle(list(faults.values()), problems, source="the videos")
    if not found:
        raise InputError("no video can be read to its end; expected at least one")
    return corpus.without(faults), found


def _kept(path: Path, key: str) -> ClipFeatures | None:
    """Features that are there, made in this way and whole."""
    try:
        found = ClipFeatures(path)
    except InputError:
        return None
    return found if found.about.get("key") == key else None


def _made(eye: Eye, video: Path, path: Path, key: str) -> ClipFeatures:
    with eye.open(video) as stream:
        write_clip_features(
            path,
            eye.vectors(stream, of=video),
            width=eye.encoder.widths.clip,
            times=stream.times,
            spans=stream.spans,
            about={"key": key, "video": str(video)},
        )
    return ClipFeatures(path)
