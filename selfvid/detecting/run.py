"""`selfvid detect run`: activities in new videos, of any length."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from selfvid.compute import Device, Precision, choose_device
from selfvid.data.video.decode import DecodeError, DecoderName
from selfvid.detecting.detector import (
    Detector,
    detector_folders,
    encoder_under,
    load_detector,
)
from selfvid.detecting.extract import StreamEncoder
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
from selfvid.encoders.base import load_encoder
from selfvid.errors import InputError
from selfvid.pictures import write_png

logger = logging.getLogger(__name__)


def detect_run(
    run: Path,
    videos: list[Path],
    *,
    out: Path,
    fold: int | None = None,
    smooth: int = 5,
    alpha: float = 0.2,
    ends: Ends = "whole",
    alphas: dict[str, float] | None = None,
    draw: bool = True,
    decoder: DecoderName = "auto",
    threads: int = 1,
    device: Device = "auto",
    precision: Precision | None = None,
    quiet: bool = False,
) -> dict[str, list[Segment]]:
    """Find activities in videos, each read once from end to end, however long it is.

    Beside pixels of a few clips, what is held of a video are its times and one probability for
    each clip and activity.

    Args:
        run: folder of a finished run of detect train.
        videos: files, or folders of frame images.
        out: new folder for detections.json (ActivityNet's scheme), detections.csv and timelines.
        fold: whose detector, counted from 1, where the run has several.
        smooth: half the width, in clips, of the mean filter along a video.
        alpha: a clip in which something goes on with this probability, or more, is active.
        ends: "published" leaves a video's last clip out of every mean, as the authors' code did.
        alphas: alpha of single activities, where several overlap.
        draw: draw a timeline of each video.
        decoder: who decodes.
        threads: decoding threads.
        device: where the detector computes: auto, cpu, cuda or mps.
        precision: of the encoder's arithmetic; by default as in training.
        quiet: show no progress and no summary.

    Returns:
        The segments of each video, by its name.

    Raises:
        InputError: where an argument does not fit, or no video can be read.
    """
    post = PostProcessing(smooth, alpha, ends, alphas or {})
    names = _names(videos)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"out {str(out)!r} exists; expected a new folder")
    place = _detector_folder(run, fold)
    detector = load_detector(place)
    post.check(detector.labels, detector.assume)
    where = choose_device(device)
    detector.head.to(where)
    stream_encoder = StreamEncoder(
        encoder=load_encoder(encoder_under(place, run)).to(where),
        frames=detector.frames,
        size=detector.size,
        device=where,
        precision=precision or detector.precision,
        decoder=decoder,
        threads=threads,
    )
    found, faults = {}, []
    for name, video in names.items():
        try:
            seen = detect_in(stream_encoder, detector, video, quiet=quiet)
        except (DecodeError, InputError) as error:
            logger.warning("left out: %s", error)
            faults.append(str(error))
            continue
        found[name] = seen.segments(post, detector)
        if draw:
            _draw(seen, found[name], post, detector, out / f"{name}.png")
    if not found:
        raise InputError(f"none of {len(names)} videos could be read; the first: {faults[0]}")
    out.mkdir(parents=True, exist_ok=True)
    write_detections(found, out, encoder=type(stream_encoder.encoder).__name__)
    if not quiet:
        total = sum(map(len, found.values()))
        print(f"{total} segments in {len(found)} of {len(names)} videos: {out / JSON}, {out / CSV}")
    return found


@dataclass(frozen=True, eq=False)
class Seen:
    """What a detector says of one video.

    Attributes:
        chances: (N, K + 1) with background first, or (N, K).
        spans: seconds of each clip, (N, 2).
    """

    chances: NDArray[np.float64]
    spans: NDArray[np.float64]

    def segments(self, post: PostProcessing, detector: Detector) -> list[Segment]:
        """The segments in it."""
        labels, assume = detector.labels, detector.assume
        return post.segments(self.chances, self.spans, labels=labels, assume=assume)


def detect_in(
    stream_encoder: StreamEncoder, detector: Detector, video: Path, *, quiet: bool = False
) -> Seen:
    """Read a video through encoder and detector, a few clips at a time.

    Raises:
        DecodeError: where it cannot be decoded.
        InputError: where it does not exist, or is shorter than a clip.
    """
    with stream_encoder.open(video) as stream:
        if not stream.clips:
            raise InputError(f"{video} is shorter than a clip of {stream_encoder.frames} frames")
        # Into a log file every refresh is a line of its own.
        pause = 0.1 if sys.stderr.isatty() else 30.0
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
            return Seen(chances, stream.spans)


def _detector_folder(run: Path, fold: int | None) -> Path:
    folders = detector_folders(run)
    if len(folders) == 1 and fold is None:
        return folders[0]
    if fold is None or not 1 <= fold <= len(folders):
        raise InputError(
            f"fold is {fold} and the run has {len(folders)} detectors; expected 1 to "
            f"{len(folders)}: each was trained without the test videos of its fold"
        )
    return folders[fold - 1]


def _names(videos: Sequence[Path]) -> dict[str, Path]:
    """The videos by their file's name without suffix."""
    if not videos:
        raise InputError("videos are none; expected at least one")
    named: dict[str, Path] = {}
    for video in videos:
        other = named.setdefault(Path(video).stem, Path(video))
        if other != Path(video):
            raise InputError(f"{other} and {video} would have one name; expected them apart")
    return named


def _draw(
    seen: Seen, found: Sequence[Segment], post: PostProcessing, detector: Detector, path: Path
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = smoothed(seen.chances, half=post.smooth, ends=post.ends)
    picture = draw_timeline(
        values, seen.spans, found, truth=None, labels=detector.labels, title=path.stem
    )
    write_png(picture, path)
