"""`selfvid detect run`: find activities in new videos of any length."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from selfvid.compute import Device, Precision, choose_device
from selfvid.data.flow.origin import open_flow
from selfvid.data.video.decode import DecodeError, DecoderName
from selfvid.detecting.detector import (
    Detector,
    detector_folders,
    encoder_under,
    load_detector,
)
from selfvid.detecting.extract import StreamEncoder
from selfvid.detecting.labels import LABELS, Found, write_labels
from selfvid.detecting.segments import (
    CSV,
    JSON,
    Ends,
    PostProcessing,
    Segment,
    draw_timeline,
    smoothed,
    write_detections,
)
from selfvid.detecting.trial import flow_of
from selfvid.encoders.base import Encoder, load_encoder
from selfvid.errors import InputError
from selfvid.flow.estimate import FlowEstimator
from selfvid.pictures import write_png
from selfvid.training.run_folder import RunFolder

logger = logging.getLogger(__name__)

_REFRESH = 0.1  # seconds between refreshes of a progress bar on a terminal
_REFRESH_IN_LOG = 30.0  # in a log file every refresh is a line, so there are few


def detect_run(
    run: Path | str,
    videos: list[Path | str],
    *,
    out: Path | str,
    fold: int | None = None,
    smooth: int = 5,
    alpha: float = 0.2,
    ends: Ends = "whole",
    alphas: dict[str, float] | None = None,
    flow: FlowEstimator | Path | str | None = None,
    draw: bool = True,
    decoder: DecoderName = "auto",
    threads: int = 1,
    device: Device = "auto",
    precision: Precision | None = None,
    quiet: bool = False,
) -> dict[str, Found]:
    """Find activities in videos of any length; each video is read once from beginning to end.

    Besides the segments of each video, its likeliest activities are given with their scores. A
    video in which no clip reaches the threshold is named with the highest probability.

    Memory stays small: at any time it contains the pixels of a few clips, the times of the video
    and one probability for each clip and activity.

    Args:
        run: folder of a finished run of detect train.
        videos: video files, or folders of frame images.
        out: new folder for detections.json and labels.json (ActivityNet's schemes for segments
            and for whole videos), detections.csv and timelines.
        fold: number of the fold whose detector is used, counted from 1, if the run has several.
        smooth: half the width, in clips, of the mean filter along a video.
        alpha: a clip is active if the probability that any activity goes on is at least this.
        ends: whole, or published, which leaves the last clip of a video out of every mean, as the
            authors' code did.
        alphas: alpha of single activities, if activities may overlap.
        flow: for an encoder that takes optical flow: a folder that `selfvid flow` wrote for these
            videos, or an estimator ("dis", "farneback", "tvl1", "raft") that is applied to the
            frames; by default the estimator of the run, if it used one.
        draw: draw a timeline of each video.
        decoder: the decoder to use.
        threads: decoding threads.
        device: the device that computes: auto, cpu, cuda or mps; auto uses a GPU if there is one.
        precision: precision of the encoder's arithmetic; by default the same as in training.
        quiet: show no progress and no summary.

    Returns:
        What was found in each video, by name.

    Raises:
        InputError: If an argument is not as expected, or no video can be read.
    """
    post = PostProcessing(smooth, alpha, ends, alphas or {})
    run, out = Path(run), Path(out)
    names = _names([Path(video) for video in videos])
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"out {str(out)!r} exists; expected a new folder")
    folder = _detector_folder(run, fold)
    detector = load_detector(folder)
    post.check(detector.labels, detector.assume)
    place = choose_device(device)
    detector.head.to(place)
    encoder = load_encoder(encoder_under(folder, run)).to(place)
    stream_encoder = StreamEncoder(
        encoder=encoder,
        frames=detector.frames,
        size=detector.size,
        device=place,
        precision=precision or detector.precision,
        decoder=decoder,
        threads=threads,
        flow=_flow(run, encoder) if flow is None else open_flow(flow),
    )
    found: dict[str, Found] = {}
    faults = []
    for name, video in names.items():
        try:
            along = detect_in(stream_encoder, detector, video, quiet=quiet)
        except (DecodeError, InputError) as error:
            logger.warning("left out: %s", error)
            faults.append(str(error))
            continue
        found[name] = along.found(post, detector)
        if draw:
            _draw(along, found[name].segments, post, detector, out / f"{name}.png")
    if not found:
        raise InputError(f"none of {len(names)} videos could be read; the first: {faults[0]}")
    out.mkdir(parents=True, exist_ok=True)
    kind = type(encoder).__name__
    write_detections({name: one.segments for name, one in found.items()}, out, encoder=kind)
    write_labels(found, out, encoder=kind)
    if not quiet:
        _print(found, out, alpha=alpha, videos=len(names))
    return found


def _print(found: Mapping[str, Found], out: Path, *, alpha: float, videos: int) -> None:
    for name, one in found.items():
        print(f"{name}: {one.in_words(alpha=alpha)}")
    total = sum(len(one.segments) for one in found.values())
    files = ", ".join(str(out / name) for name in (JSON, CSV, LABELS))
    print(f"{total} segments in {len(found)} of {videos} videos: {files}")


@dataclass(frozen=True, eq=False)
class ClipChances:
    """The probabilities that a detector gives for the clips of one video.

    Attributes:
        chances: probabilities, (N, K + 1) with background first, or (N, K).
        spans: begin and end of each clip in seconds, (N, 2).
    """

    chances: NDArray[np.float64]
    spans: NDArray[np.float64]

    def found(self, post: PostProcessing, detector: Detector) -> Found:
        """Return the segments and the labels that the probabilities give."""
        return Found.of(
            self.chances, self.spans, post, labels=detector.labels, assume=detector.assume
        )


def detect_in(
    stream_encoder: StreamEncoder, detector: Detector, video: Path, *, quiet: bool = False
) -> ClipChances:
    """Apply encoder and detector to a video, a few clips at a time.

    Raises:
        DecodeError: If the video cannot be decoded.
        InputError: If it does not exist, or is shorter than a clip.
    """
    with stream_encoder.open(video) as stream:
        if not stream.clips:
            raise InputError(f"{video} is shorter than a clip of {stream_encoder.frames} frames")
        pause = _REFRESH if sys.stderr.isatty() else _REFRESH_IN_LOG
        bar = tqdm(
            desc=video.name, total=stream.clips, unit="clip", mininterval=pause, disable=quiet
        )

        def counted() -> Iterator[Tensor]:
            for block in stream:
                yield block
                bar.update(len(block))

        with bar:
            chances = detector.chances(
                stream_encoder.vectors(counted(), of=video), clips=stream.clips
            )
            return ClipChances(chances, stream.spans)


def _detector_folder(run: Path, fold: int | None) -> Path:
    """Return the folder of a run's only detector, or of the detector of a fold."""
    folders = detector_folders(run)
    if len(folders) == 1 and fold is None:
        return folders[0]
    if fold is None or not 1 <= fold <= len(folders):
        raise InputError(
            f"fold is {fold} and the run has {len(folders)} detectors; expected 1 to "
            f"{len(folders)}: each was trained without the test videos of its fold"
        )
    return folders[fold - 1]


def _flow(run: Path, encoder: Encoder) -> FlowEstimator | None:
    """Return the estimator that a run read flow from; None if it read pixels or a folder of flow.

    A folder has no flow of new videos.
    """
    if encoder.in_channels == 3:
        return None
    origin = flow_of(RunFolder(run).read_recipe())
    return origin if isinstance(origin, FlowEstimator) else None


def _names(videos: Sequence[Path]) -> dict[str, Path]:
    """Return the videos by the name of their file without its suffix."""
    if not videos:
        raise InputError("videos are none; expected at least one")
    named: dict[str, Path] = {}
    for video in videos:
        other = named.setdefault(video.stem, video)
        if other != video:
            raise InputError(f"{other} and {video} would have one name; expected them apart")
    return named


def _draw(
    along: ClipChances,
    found: Sequence[Segment],
    post: PostProcessing,
    detector: Detector,
    path: Path,
) -> None:
    """Draw the timeline of one video."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = smoothed(along.chances, half=post.smooth, ends=post.ends)
    picture = draw_timeline(
        values, along.spans, found, truth=None, labels=detector.labels, title=path.stem
    )
    write_png(picture, path)
