"""Applying the detectors of a run to their test videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfvid.compute import choose_device
from selfvid.data.annotations.annotations import Assume
from selfvid.data.flow.origin import FlowOrigin, open_flow
from selfvid.data.flow.streaming import FlowStream
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import Row
from selfvid.detecting.baselines import Guess, TrainingStatistics
from selfvid.detecting.corpus import Corpus, CorpusOptions, Recording, find_corpus
from selfvid.detecting.detector import (
    Detector,
    detector_folders,
    encoder_under,
    load_detector,
)
from selfvid.detecting.extract import ClipFeatures, StreamEncoder, extract
from selfvid.detecting.segments import PostProcessing, video_scores
from selfvid.encoders.base import Encoder, load_encoder
from selfvid.errors import InputError
from selfvid.results.leaks import Footage, relate_footage
from selfvid.saving.recorded import build
from selfvid.training.run_folder import RunFolder

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tested:
    """A test video with the probabilities that the detector of its fold gives.

    Attributes:
        recording: the video.
        group: its group.
        statistics: statistics of the training videos of its fold, for the baselines.
        chances: probabilities of each clip, (N, K + 1) with background first, or (N, K).
        spans: begin and end of each clip in seconds, (N, 2).
    """

    recording: Recording
    group: str
    statistics: TrainingStatistics
    chances: Floats
    spans: Floats


@dataclass(frozen=True, eq=False)
class EncodedVideos:
    """All videos, with the vectors that one encoder gives.

    Attributes:
        stream_encoder: the encoder.
        corpus: the videos that can be read.
        vectors: the vectors of each video.
    """

    stream_encoder: StreamEncoder
    corpus: Corpus
    vectors: Sequence[ClipFeatures]

    def tested(self, detector: Detector) -> list[Tested]:
        """Apply a detector to its test videos.

        Raises:
            InputError: If a video that it was trained or tested on is missing.
        """
        recordings = self.corpus.recordings
        place = {each.video.name: number for number, each in enumerate(recordings)}
        missing = {*detector.trained, *detector.tested} - set(place)
        if missing:
            raise InputError(f"video {min(missing)!r} of the run cannot be used any more")
        trained = [recordings[place[name]] for name in detector.trained]
        statistics = TrainingStatistics.of(trained, detector.labels, detector.assume)
        return [
            Tested(
                recording=recordings[number],
                group=self.corpus.groups[number],
                statistics=statistics,
                chances=detector.chances(
                    self.vectors[number].blocks(), clips=self.vectors[number].clips
                ),
                spans=self.vectors[number].spans,
            )
            for number in map(place.__getitem__, detector.tested)
        ]

    def footage(self, tested: Sequence[Tested]) -> Footage:
        """Count the test videos that the encoder was trained on."""
        rows = tuple(
            Row(path=str(each.video.path), group=each.video.group, video=each.id)
            for each in self.corpus.recordings
        )
        names = {str(each.recording.video.path) for each in tested}
        provenance = self.stream_encoder.encoder.provenance
        return relate_footage(
            Manifest(rows, Path()),
            [row for row in rows if row.path in names],
            provenance.footage,
            labelled=provenance.labelled,
            generated=provenance.generated,
        )


@dataclass(frozen=True, eq=False)
class Trial:
    """The test videos of all folds of a run, with their probabilities.

    Attributes:
        corpus: all videos of the run.
        stream_encoder: the encoder of the run, or of its first fold.
        tested: the test videos of all folds.
        footage: how many test videos the encoders were trained on.
        labels: names of the K activities.
        assume: whether a video shows one activity, one at a time, or several that overlap.
    """

    corpus: Corpus
    stream_encoder: StreamEncoder
    tested: Sequence[Tested]
    footage: Footage
    labels: tuple[str, ...]
    assume: Assume

    @staticmethod
    def of(run: Path, *, quiet: bool) -> Trial:
        """Apply the detectors of the run in the folder `run` to their test videos.

        Raises:
            InputError: If it is not a finished run, or its videos cannot be used any more.
        """
        detectors = {folder: load_detector(folder) for folder in detector_folders(run)}
        recipe = _recipe(run)
        first, *_ = detectors.values()
        options = _options(recipe, first)
        corpus = find_corpus(options, quiet=quiet)
        store = run / "features" if recipe["features"] is None else Path(recipe["features"])
        encoded: dict[Path, EncodedVideos] = {}
        tested: list[Tested] = []
        footage = []
        for folder, detector in detectors.items():
            source = encoder_under(folder, run)
            if source not in encoded:
                encoder = _stream_encoder(load_encoder(source), first, recipe)
                usable = extract(encoder, corpus, store, problems=options.problems, quiet=quiet)
                encoded[source] = EncodedVideos(encoder, *usable)
            own = encoded[source].tested(detector)
            tested += own
            footage.append(encoded[source].footage(own))
        one = next(iter(encoded.values()))
        total = Footage.summed(footage)
        return Trial(one.corpus, one.stream_encoder, tested, total, first.labels, first.assume)

    def about(self) -> dict[str, Any]:
        """Return which videos were tested, as plain data for the protocol."""
        return {
            "annotations": sorted({each.video.place for each in self.corpus.recordings})[:1],
            "videos": len(self.corpus.recordings),
            "tested": [each.recording.video.name for each in self.tested],
            "labels": self.labels,
            "assume": self.assume,
            "frames": self.stream_encoder.frames,
            "size": self.stream_encoder.size,
            "problems": [str(problem) for problem in self.corpus.problems],
        }

    def guess(self, each: Tested, post: PostProcessing) -> Guess:
        """Return the segments of one test video, and its score for each activity."""
        found = post.segments(each.chances, each.spans, labels=self.labels, assume=self.assume)
        return found, video_scores(each.chances, self.assume)

    def guesses_of(self, other: Trial, post: PostProcessing, *, called: str) -> list[Guess]:
        """Return the guesses of another run about these test videos, in this order.

        Args:
            other: the other run's test videos.
            post: how probabilities become segments.
            called: name of the other run, for messages.

        Raises:
            InputError: If it was tested on other videos, or with other annotations.
        """
        theirs = {each.recording.id: each for each in other.tested}
        for each in self.tested:
            counterpart = theirs.get(each.recording.id)
            if counterpart is None or _shown(counterpart) != _shown(each):
                raise InputError(
                    f"run {called!r} was not tested on {each.recording.video.name!r} with the same "
                    "annotations; expected the same test videos"
                )
        if len(theirs) != len(self.tested) or other.labels != self.labels:
            raise InputError(
                f"run {called!r} was tested on {len(theirs)} videos of "
                f"{', '.join(other.labels)}; expected {len(self.tested)} of "
                f"{', '.join(self.labels)}"
            )
        return [other.guess(theirs[each.recording.id], post) for each in self.tested]

    def at_random(self, seed: int, number: int) -> list[Guess]:
        """Return one guess of the random baseline about each test video.

        Args:
            seed: seed of the evaluation.
            number: number of the try; each try draws other segments.
        """
        rng = np.random.default_rng((seed, number))
        return [each.statistics.at_random(rng)(each.recording) for each in self.tested]


def _shown(tested: Tested) -> list[tuple[float, float, str]]:
    """Return what a test video shows, without the places in the annotations file."""
    activities = tested.recording.video.activities
    return [(each.start, each.end, each.label) for each in activities]


def _options(recipe: dict[str, Any], detector: Detector) -> CorpusOptions:
    """Return the options with which a run found its videos."""
    return CorpusOptions(
        annotations=Path(recipe["annotations"]),
        videos=None if recipe["videos"] is None else Path(recipe["videos"]),
        assume=detector.assume,
        labels=detector.labels,
        # A clip of flow needs a frame after its last field.
        frames=detector.frames + (0 if recipe["flow"] is None else FlowStream.beyond),
        problems=recipe["problems"],
        decoder=recipe["decoder"],
    )


def _recipe(run: Path) -> dict[str, Any]:
    """Return the part of a run's recipe that says where its videos and vectors come from."""
    names = ("annotations", "videos", "features", "problems", "decoder", "device")
    try:
        plain = RunFolder(run).read_recipe()
        return {name: plain[name] for name in names} | {"flow": plain.get("flow")}
    except (LookupError, TypeError, InputError) as error:
        raise InputError(f"{str(run)!r} has no recipe of detect train ({error!r})") from None


def _stream_encoder(encoder: Encoder, detector: Detector, recipe: dict[str, Any]) -> StreamEncoder:
    """Return an encoder that is applied to clips as in training."""
    device = choose_device(recipe["device"])
    return StreamEncoder(
        encoder=encoder.to(device),
        frames=detector.frames,
        size=detector.size,
        device=device,
        precision=detector.precision,
        decoder=recipe["decoder"],
        flow=flow_of(recipe),
    )


def flow_of(recipe: dict[str, Any]) -> FlowOrigin | None:
    """Return the flow that a run of detect train read; None if its encoder takes pixels."""
    flow = recipe.get("flow")
    return None if flow is None else open_flow(build(flow) if isinstance(flow, dict) else flow)
