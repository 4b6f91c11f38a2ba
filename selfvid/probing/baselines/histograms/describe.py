"""Descriptions of videos: descriptors of patches, and colours of whole pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate
from tqdm import tqdm

from selfvid.data.clips.sampling import Indices, Sampling, Timeline
from selfvid.data.flow.folder import FlowFolder
from selfvid.data.flow.origin import FlowOrigin
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.decode import DecodeError, DecoderName
from selfvid.errors import InputError
from selfvid.features.videos import Read, read_clips
from selfvid.flow.estimate import DIS, FlowEstimator
from selfvid.probing.baselines.histograms.descriptors import (
    Places,
    colour_moments,
    corner_places,
    gradients,
    grid_places,
    hue_saturation,
    motion,
    patches,
)
from selfvid.probing.baselines.histograms.tracks import (
    TRACK_FRAMES,
    along,
    follow_corners,
    shapes,
)

SIDE = 128  # pixels: height and width of described pictures; small ones are described faster
_MOST_PAIRS = 16  # per video, which bounds the time (0.35 s) and the memory (0.4 MB) it takes


@dataclass(frozen=True, eq=False)
class Bag:
    """The descriptors of one kind from one video.

    Attributes:
        vectors: float32 (n, D).
        places: their places in the picture, float32 (n, 2), row before column, from 0 to 1.
    """

    vectors: NDArray[np.float32]
    places: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Description:
    """The description of one video.

    Attributes:
        bags: descriptors by kind of descriptor and of place.
        whole: hue, saturation and colour moments of whole pictures, averaged, (D,).
    """

    bags: Mapping[str, Bag]
    whole: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Described:
    """The descriptions of all videos of a manifest.

    Attributes:
        videos: one for each video; None if it could not be read.
        faults: one line for each video that could not be read.
    """

    videos: tuple[Description | None, ...]
    faults: tuple[str, ...]

    @property
    def read(self) -> NDArray[np.bool_]:
        """Whether each video could be read, (N,)."""
        return np.array([video is not None for video in self.videos])


@dataclass(frozen=True)
class Pairs(Sampling):
    """Pairs of neighbouring frames, or longer runs, whose first frames another rule chooses.

    If the rule chooses too many frames, some are taken, spread evenly over all. Four frames of a
    rule, and the pairs made of them; the last frame is paired with the one before it::

        rule   . A . . A . . A . . A
        pairs  . a a . b b . c c d d

    Attributes:
        rule: the rule that chooses the first frames.
        most: largest number of pairs.
        frames: number of frames of a run; a pair is a run of two.
    """

    rule: Sampling
    most: int = _MOST_PAIRS
    frames: int = 2

    @property
    def length(self) -> int:
        """The frames of a pair or run."""
        return self.frames

    def choose(self, timeline: Timeline, rng: np.random.Generator) -> Indices:
        """Return frame numbers, int64 (n, frames); n is 0 if the rule skips a video."""
        picked = np.unique(self.rule.choose(timeline, rng))
        if len(picked) > self.most:
            picked = picked[np.linspace(0, len(picked) - 1, self.most).round().astype(np.int64)]
        first, past = timeline.bounds
        earlier = np.unique(picked.clip(max=max(past - self.frames, first)))
        return (earlier[:, None] + np.arange(self.frames)).clip(max=past - 1)


def describe_videos(
    manifest: Manifest,
    sampling: Sampling,
    *,
    flow: FlowOrigin | None = None,
    tracks: bool = False,
    decoder: DecoderName = "auto",
    workers: int = 0,
    quiet: bool = False,
) -> Described:
    """Describe up to 16 of the frames that `sampling` chooses from each video.

    Args:
        manifest: the videos.
        sampling: the rule by which an encoder's clips are cut.
        flow: stored flow of all videos, or an estimator; None is DIS.
        tracks: also describe tracks of corners, which begin in these frames.
        decoder: the decoder to use.
        workers: number of decoding processes.
        quiet: show no progress bar.

    Raises:
        InputError: If no video can be read.
    """
    rule = Pairs(sampling, frames=TRACK_FRAMES if tracks else 2)
    origin = DIS() if flow is None else flow
    videos: list[Description | None] = []
    faults = []
    # A video has fewer pairs than a `Read` may have clips, so every `Read` is a whole video.
    reads = read_clips(manifest, rule, size=(SIDE, SIDE), decoder=decoder, workers=workers)
    for read in tqdm(reads, total=len(manifest), unit="video", desc="histograms", disable=quiet):
        row = manifest.rows[read.row]
        try:
            if read.fault:
                raise DecodeError(row.path, read.fault)
            if isinstance(origin, FlowFolder):
                fields: Iterable[Tensor] = _stored(origin, row, read)
            else:
                fields = _estimated(read, origin)
        except DecodeError as error:
            videos.append(None)
            faults.append(read.fault or f"flow of {error}")
            continue
        described = describe((clip.frames[0] for clip in read.clips), fields)
        if tracks:
            runs = [track_bags(clip.frames) for clip in read.clips]
            described = Description({**described.bags, **_joined(runs)}, described.whole)
        videos.append(described)
    if len(faults) == len(manifest):
        raise InputError(
            f"none of the {len(manifest)} videos could be read; the first: {faults[0]}"
        )
    return Described(tuple(videos), tuple(faults))


def describe(frames: Iterable[Tensor], fields: Iterable[Tensor]) -> Description:
    """Describe the frames of one video by descriptors on a grid and at corners.

    Args:
        frames: uint8 (3, SIDE, SIDE) each.
        fields: flow from each frame to its neighbour, float (2, SIDE, SIDE), in pixels.
    """
    bags: list[dict[str, Bag]] = []
    whole = []
    for frame, field in zip(frames, fields, strict=True):
        picture = np.ascontiguousarray(frame.permute(1, 2, 0).numpy())  # (SIDE, SIDE, 3)
        grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
        flow = field.permute(1, 2, 0).numpy()  # (SIDE, SIDE, 2)
        kinds_of_places = {"grid": grid_places(SIDE, SIDE), "corners": corner_places(grey)}
        bags.append(
            {
                f"{kind} on {where}": bag
                for where, places in kinds_of_places.items()
                for kind, bag in _bags(places, picture, grey, flow).items()
            }
        )
        moments = colour_moments(frame.numpy()[None])[0]
        whole.append(np.concatenate((hue_saturation(picture), moments)))
    return Description(_joined(bags), np.mean(whole, axis=0))


def track_bags(frames: Tensor) -> dict[str, Bag]:
    """Describe the tracks of corners through some frames, by kind of descriptor.

    Args:
        frames: uint8 (T, 3, SIDE, SIDE).
    """
    pictures = frames.permute(0, 2, 3, 1).numpy()  # (T, SIDE, SIDE, 3)
    greys = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures])
    tracks = follow_corners(greys)
    places = (tracks[:, 0] / SIDE).astype(np.float32)
    return {
        "shapes of tracks": Bag(shapes(tracks), places),
        "gradients along tracks": Bag(along(tracks, greys, gradients), places),
        "colours along tracks": Bag(along(tracks, pictures, colour_moments), places),
    }


def _joined(parts: Sequence[Mapping[str, Bag]]) -> dict[str, Bag]:
    """Return the descriptors of each kind from all parts, of which there is at least one."""
    return {
        name: Bag(
            np.concatenate([part[name].vectors for part in parts]),
            np.concatenate([part[name].places for part in parts]),
        )
        for name in parts[0]
    }


def _bags(
    places: Places,
    picture: NDArray[np.uint8],
    grey: NDArray[np.uint8],
    flow: NDArray[np.float32],
) -> dict[str, Bag]:
    """Return the descriptors of one picture at `places`, by kind."""
    relative = (places / SIDE).astype(np.float32)
    return {
        "gradients": Bag(gradients(patches(grey, places)), relative),
        "motion": Bag(motion(patches(flow, places)), relative),
        "colours": Bag(colour_moments(patches(picture, places)), relative),
    }


def _estimated(read: Read, estimate: FlowEstimator) -> list[Tensor]:
    """Return the flow of each pair of frames, estimated, (2, SIDE, SIDE) each."""
    return [estimate(clip.frames[:2])[0] for clip in read.clips]


def _stored(flow: FlowFolder, row: Row, read: Read) -> Tensor:
    """Return the stored flow of each pair of frames, (n, 2, SIDE, SIDE).

    Its unit is a pixel of the pictures that are described.
    """
    # Fields are found by frame number: stored flow has no times of its own.
    earlier = [int(clip.places[0]) for clip in read.clips if clip.places is not None]
    flow.row(row.video, called=row.path)
    fields = flow.read(row.video, earlier).pixels()
    scale = torch.tensor([SIDE / fields.shape[-1], SIDE / fields.shape[-2]])
    return interpolate(fields, (SIDE, SIDE), mode="bilinear") * scale.view(1, 2, 1, 1)
