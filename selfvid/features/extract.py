"""Feature extraction: frozen encoders are applied to every video, which gives one vector each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from selfvid.compute import Precision, autocast
from selfvid.data.clips.sampling import Sampling
from selfvid.data.flow.origin import FlowReading
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import DecoderName
from selfvid.encoders.base import Encoder
from selfvid.errors import InputError
from selfvid.features.videos import Read, read_clips
from selfvid.features.views import View, view_of
from selfvid.types import ClipBatch, Features

_BATCH = 8  # clips per forward pass, which bounds the memory


@dataclass(frozen=True)
class Pooling:
    """How the steps along a clip become one vector.

    Six steps in three segments::

        a b | c d | e f    ->    concatenated mean(a, b), mean(c, d), mean(e, f)

    Attributes:
        how: ``mean`` takes the encoder's own clip vector, which for frame encoders is the mean
            over time and so does not depend on the order of frames; ``segments`` concatenates the
            means of equal parts of the clip.
        segments: number of parts; only used with ``segments``.
    """

    how: Literal["mean", "segments"] = "mean"
    segments: int = 3

    def __post_init__(self) -> None:
        if self.how not in ("mean", "segments"):
            raise InputError(f"pool is {self.how!r}; expected mean or segments")
        if self.segments < 1:
            raise InputError(f"segments is {self.segments}; expected at least 1")

    def __str__(self) -> str:
        return "mean" if self.how == "mean" else f"{self.segments} segments"

    def __call__(self, features: Features) -> Tensor:
        """Return one vector per clip: (B, D), or (B, segments x D).

        Raises:
            InputError: If the encoder has no steps, or fewer steps than segments.
        """
        if self.how == "mean":
            return features.clip
        return features.segments(self.segments, user="pool segments")


@dataclass(frozen=True)
class Cut:
    """How videos become clips, and clips become vectors; the same for every encoder compared.

    Attributes:
        sampling: the rule that chooses the frames of a video's clips; the vectors of several
            clips are averaged.
        size: (H, W) of the frames.
        pool: how the steps along a clip become one vector.
        decoder: the decoder to use.
        precision: of the encoder's arithmetic.
        flow: the optical flow that clips are cut from; None cuts them from the frames.
    """

    sampling: Sampling
    size: tuple[int, int]
    pool: Pooling = Pooling()
    decoder: DecoderName = "auto"
    precision: Precision = "float32"
    flow: FlowReading | None = None

    def read(self, manifest: Manifest, *, workers: int) -> Iterator[Read]:
        """Yield the clips of every row of a manifest, in order, as `read_clips` does."""
        return read_clips(
            manifest,
            self.sampling,
            size=self.size,
            decoder=self.decoder,
            workers=workers,
            flow=self.flow,
        )


@dataclass(frozen=True)
class EncoderView:
    """An encoder together with the view of the clips that it is given.

    Attributes:
        encoder: the encoder.
        view: ``frames`` are the clips as they are; see `view_of` for the other views.
    """

    encoder: Encoder
    view: View = "frames"


@dataclass(frozen=True, eq=False)
class VideoFeatures:
    """One vector per video.

    Attributes:
        vectors: float64 (N, D); NaN for a video that could not be read.
        faults: one line for each video that could not be read.
    """

    vectors: NDArray[np.float64]
    faults: tuple[str, ...] = ()

    @property
    def read(self) -> NDArray[np.bool_]:
        """Whether each video could be read, (N,)."""
        return np.asarray(np.isfinite(self.vectors).all(axis=1))


def extract(
    encoder_views: Mapping[str, EncoderView],
    manifest: Manifest,
    cut: Cut,
    *,
    device: torch.device,
    workers: int = 0,
    quiet: bool = False,
) -> dict[str, VideoFeatures]:
    """Return the features of every video by every encoder; each video is decoded once.

    Args:
        encoder_views: encoders and the views that they are given, by name.
        manifest: the videos.
        cut: how the videos become vectors.
        device: device of the encoders.
        workers: number of decoding processes; 0 decodes in this process.
        quiet: show no progress bar.

    Raises:
        InputError: If no video can be read, or an encoder's features are not finite.
    """
    for encoder_view in encoder_views.values():
        encoder_view.encoder.to(device).eval()
    sums = {name: [np.zeros(0) for _ in manifest.rows] for name in encoder_views}
    count = np.zeros(len(manifest), dtype=np.int64)
    faults: dict[int, str] = {}
    reads = cut.read(manifest, workers=workers)
    with tqdm(total=len(manifest), unit="video", desc="features", disable=quiet) as bar:
        for read in reads:
            if read.fault:
                faults[read.row] = read.fault
            for name, encoder_view in encoder_views.items() if read.clips else ():
                found = encode(encoder_view, read, cut, device=device).sum(axis=0)  # (D,)
                before = sums[name][read.row]
                sums[name][read.row] = before + found if before.size else found
            count[read.row] += len(read.clips)
            bar.update(int(read.last))
    # A video is left out as a whole if one part of it cannot be read.
    unread = (count == 0) | np.isin(np.arange(len(count)), list(faults))
    if unread.all():
        cause = next(iter(faults.values()))
        raise InputError(f"none of the {len(manifest)} videos could be read; the first: {cause}")
    return {
        name: VideoFeatures(_means(name, total, count, unread), tuple(faults.values()))
        for name, total in sums.items()
    }


@torch.inference_mode()
def encode(
    encoder_view: EncoderView, read: Read, cut: Cut, *, device: torch.device
) -> NDArray[np.float64]:
    """Return the vectors (number of clips, D) of the clips of one `read`."""
    vectors = []
    for first in range(0, len(read.clips), _BATCH):
        clips = list(read.clips[first : first + _BATCH])
        names = [f"{clip.video} {read.first + first + n}" for n, clip in enumerate(clips)]
        frames = ClipBatch.of(clips).to(device).clip()  # (B, T, C, H, W)
        with autocast(cut.precision, device):
            pooled = cut.pool(encoder_view.encoder(view_of(frames, names, encoder_view.view)))
        vectors.append(pooled.double().cpu().numpy())  # (B, D)
    return np.concatenate(vectors)


def _means(
    name: str,
    sums: Sequence[NDArray[np.float64]],
    count: NDArray[np.int64],
    unread: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the mean vector of each video, (N, D); NaN for unread videos."""
    width = max(len(total) for total in sums)
    means = np.full((len(sums), width), np.nan)
    for row in np.flatnonzero(~unread).tolist():
        means[row] = sums[row] / count[row]
    broken = int((~np.isfinite(means[~unread]).all(axis=1)).sum())
    if broken:
        raise InputError(
            f"features of {name} are not finite for {broken} of {len(sums)} videos; "
            "expected numbers: the encoder has diverged"
        )
    return means
