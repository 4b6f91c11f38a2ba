"""Frozen encoders applied to every video: one vector per video, for all that come after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from selfvid.compute import Precision, autocast
from selfvid.data.clips.sampling import Sampling
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import DecoderName
from selfvid.encoders.base import Encoder
from selfvid.errors import InputError
from selfvid.features.videos import Read, read_clips
from selfvid.features.views import View, view_of
from selfvid.types import Features

_BATCH = 8  # clips that an encoder is given at once


@dataclass(frozen=True)
class Pooling:
    """How the steps along a clip become one vector.

    Six steps in three segments::

        a b | c d | e f    ->    mean(a, b), mean(c, d), mean(e, f) side by side

    Attributes:
        how: ``mean`` takes the encoder's own clip vector, for frame encoders the mean over time,
            which forgets order; ``segments`` sets the means of equal parts side by side.
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
        """(B, D), or (B, segments x D).

        Raises:
            InputError: where the encoder has no steps, or fewer than segments.
        """
        if self.how == "mean":
            return features.clip
        steps = features.need_steps("pool segments")
        if steps.shape[1] < self.segments:
            raise InputError(
                f"segments is {self.segments}; expected at most {steps.shape[1]}, "
                "the steps that this encoder makes of a clip"
            )
        return torch.cat([part.mean(1) for part in steps.tensor_split(self.segments, 1)], 1)


@dataclass(frozen=True)
class Cut:
    """How videos become clips, and clips vectors: the same for every variant.

    Attributes:
        sampling: which frames make a video's clips; several clips are averaged.
        size: (H, W) of their frames.
        pool: how steps become one vector.
        decoder: who decodes.
        precision: of the encoder's arithmetic.
    """

    sampling: Sampling
    size: tuple[int, int]
    pool: Pooling = Pooling()
    decoder: DecoderName = "auto"
    precision: Precision = "float32"


@dataclass(frozen=True)
class EncoderView:
    """One encoder on one view of the clips."""

    encoder: Encoder
    view: View = "frames"


@dataclass(frozen=True, eq=False)
class VideoFeatures:
    """One vector per video.

    Attributes:
        vectors: float64 (N, D); NaN where the video was not read.
        faults: one line for each video that was not.
    """

    vectors: NDArray[np.float64]
    faults: tuple[str, ...] = ()

    @property
    def read(self) -> NDArray[np.bool_]:
        """Which videos were read, (N,)."""
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
    """Decode every video once and show it to every encoder.

    Args:
        encoder_views: encoders and what they are shown, by name.
        manifest: the videos.
        cut: how they become vectors.
        device: where the encoders compute.
        workers: processes that decode.
        quiet: show no progress.

    Raises:
        InputError: where no video can be read, or an encoder's features are not finite.
    """
    for encoder_view in encoder_views.values():
        encoder_view.encoder.to(device).eval()
    sums = {name: [np.zeros(0) for _ in manifest.rows] for name in encoder_views}
    count = np.zeros(len(manifest), dtype=np.int64)
    faults: dict[int, str] = {}
    reads = read_clips(manifest, cut.sampling, size=cut.size, decoder=cut.decoder, workers=workers)
    with tqdm(total=len(manifest), unit="video", desc="features", disable=quiet) as bar:
        for read in reads:
            if read.fault:
                faults[read.row] = read.fault
            for name, encoder_view in encoder_views.items() if read.clips else ():
                found = encode(encoder_view, read, cut, device=device).sum(axis=0)
                before = sums[name][read.row]
                sums[name][read.row] = before + found if before.size else found
            count[read.row] += len(read.clips)
            bar.update(int(read.last))
    # A video of which one part failed is not half a video: it is left out.
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
    """Vectors (number of clips, D) of the clips of one read."""
    vectors = []
    for first in range(0, len(read.clips), _BATCH):
        clips = read.clips[first : first + _BATCH]
        names = [f"{clip.video} {read.first + first + n}" for n, clip in enumerate(clips)]
        frames = torch.stack([clip.frames for clip in clips]).to(device)
        with autocast(cut.precision, device):
            pooled = cut.pool(encoder_view.encoder(view_of(frames, names, encoder_view.view)))
        vectors.append(pooled.double().cpu().numpy())
    return np.concatenate(vectors)


def _means(
    name: str,
    sums: Sequence[NDArray[np.float64]],
    count: NDArray[np.int64],
    unread: NDArray[np.bool_],
) -> NDArray[np.float64]:
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
