"""What the detectors of a run say of their test videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfvid.compute import choose_device
from selfvid.data.annotations.annotations import Assume
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import Row
from selfvid.detecting.baselines import Guess, TrainingStatistics
from selfvid.detecting.corpus import Corpus, Recording, Wanted, find_corpus
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
from selfvid.training.run_folder import RunFolder

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tested:
    """A test video with what its fold's detector says of it."""

    recording: Recording
    group: str
    statistics: TrainingStatistics
    chances: Floats
    spans: Floats


@dataclass(frozen=True, eq=False)
class EncodedVideos:
    """All videos as one encoder sees them.

    Attributes:
        stream_encoder: the encoder.
        corpus: the videos that can be read.
        vectors: of each.
    """

    stream_encoder: StreamEncoder
    corpus: Corpus
    vectors: Sequence[ClipFeatures]

    def tested(self, detector: Detector) -> list[Tested]:
        """The test videos of a detector on this encoder."""
        recordings = self.corpus.recordings
        place = {each.video.name: at for at, each in enumerate(recordings)}
        missing = {*detector.trained, *detector.tested} - set(place)
        if missing:
            raise InputError(f"video {min(missing)!r} of the run cannot be used any more")
        trained = [recordings[place[name]] for name in detector.trained]
        statistics = TrainingStatistics.of(trained, detector.labels, detector.assume)
        return [
            Tested(
                recording=recordings[at],
                group=self.corpus.groups[at],
                statistics=statistics,
                chances=detector.chances(self.vectors[at].blocks(), clips=self.vectors[at].clips),
                spans=self.vectors[at].spans,
            )
            for at in map(place.__getitem__, detector.tested)
        ]

    def footage(self, tested: Sequence[Tested]) -> Footage:
        """How tested videos relate to what the encoder has seen in training."""
        rows = tuple(
            Row(path=str(each.video.path), group=each.video.group, video=each.id)
            for each in self.corpus.recordings
        )
        names = {str(each.recording.video.path) for each in tested}
        past = self.stream_encoder.encoder.provenance
        return relate_footage(
            Manifest(rows, Path()),
            [row for row in rows if row.path in names],
            past.footage,
            labelled=past.labelled,
            generated=past.generated,
        )


@dataclass(frozen=True, eq=False)
class Trial:
    """All test videos of a run.

    Attributes:
        corpus: all its videos.
        stream_encoder: its encoder, or that of its first fold.
        tested: those of all folds.
        footage: how they relate to what the encoder has seen in training.
        labels: names of the K activities.
        assume: what is taken for granted of them.
    """

    corpus: Corpus
    stream_encoder: StreamEncoder
    tested: Sequence[Tested]
    footage: Footage
    labels: tuple[str, ...]
    assume: Assume

    @staticmethod
    def of(run: Path, *, quiet: bool) -> Trial:
        """Everything that detectors of `run` say of their test videos."""
        detectors = {folder: load_detector(folder) for folder in detector_folders(run)}
        recipe = _recipe(run)
        first, *_ = detectors.values()
        wanted = _wanted(recipe, first)
        found = find_corpus(wanted, quiet=quiet)
        shelf = run / "features" if recipe["features"] is None else Path(recipe["features"])
        encoded: dict[Path, EncodedVideos] = {}
        tested: list[Tested] = []
        footage = []
        for folder, detector in detectors.items():
            under = encoder_under(folder, run)
            if under not in encoded:
                stream_encoder = _stream_encoder(load_encoder(under), first, recipe)
                seen = extract(stream_encoder, found, shelf, problems=wanted.problems, quiet=quiet)
                encoded[under] = EncodedVideos(stream_encoder, *seen)
            mine = encoded[under].tested(detector)
            tested += mine
            footage.append(encoded[under].footage(mine))
        one = next(iter(encoded.values()))
        met = Footage.summed(footage)
        return Trial(one.corpus, one.stream_encoder, tested, met, first.labels, first.assume)

    def about(self) -> dict[str, Any]:
        """Which videos, as plain data."""
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
        """The segments of one test video, and what it shows as a whole."""
        found = post.segments(each.chances, each.spans, labels=self.labels, assume=self.assume)
        return found, video_scores(each.chances, self.assume)

    def guesses_of(self, other: Trial, post: PostProcessing, *, called: str) -> list[Guess]:
        """What the detectors of another run say of these test videos, in this order.

        Raises:
            InputError: where it was tested on others, or they are annotated in another way.
        """
        theirs = {each.recording.id: each for each in other.tested}
        for each in self.tested:
            rival = theirs.get(each.recording.id)
            if rival is None or _shown(rival) != _shown(each):
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
        """One try of the baseline at random."""
        rng = np.random.default_rng((seed, number))
        return [each.statistics.at_random(rng)(each.recording) for each in self.tested]


def _shown(tested: Tested) -> list[tuple[float, float, str]]:
    """What a test video shows, wherever that is written."""
    activities = tested.recording.video.activities
    return [(each.start, each.end, each.label) for each in activities]


def _wanted(recipe: dict[str, Any], detector: Detector) -> Wanted:
    return Wanted(
        annotations=Path(recipe["annotations"]),
        videos=None if recipe["videos"] is None else Path(recipe["videos"]),
        assume=detector.assume,
        labels=detector.labels,
        frames=detector.frames,
        problems=recipe["problems"],
        decoder=recipe["decoder"],
    )


def _recipe(run: Path) -> dict[str, Any]:
    try:
        plain = RunFolder(run).read_recipe()
        return {
            **{name: plain[name] for name in ("annotations", "videos", "features", "problems")},
            "decoder": plain["decoder"],
            "device": plain["device"],
        }
    except (LookupError, TypeError, InputError) as error:
        raise InputError(f"{str(run)!r} has no recipe of detect train ({error!r})") from None


def _stream_encoder(encoder: Encoder, detector: Detector, recipe: dict[str, Any]) -> StreamEncoder:
    device = choose_device(recipe["device"])
    return StreamEncoder(
        encoder=encoder.to(device),
        frames=detector.frames,
        size=detector.size,
        device=device,
        precision=detector.precision,
        decoder=recipe["decoder"],
    )
