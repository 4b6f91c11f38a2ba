"""What the detectors of a run say of their test videos."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from selfvid.data.annotations import Assume
from selfvid.data.manifest import Manifest
from selfvid.data.rows import Row
from selfvid.encoders.base import Encoder, load_encoder
from selfvid.engine.precision import pick_device
from selfvid.errors import InputError
from selfvid.evaluation.detecting.corpus import Corpus, Recording, Wanted, find_corpus
from selfvid.evaluation.detecting.detector import Detector, detector_folders, load_detector
from selfvid.evaluation.detecting.extract import Eye, extract
from selfvid.evaluation.detecting.floors import Guess, Habits
from selfvid.evaluation.detecting.segments import PostProcessing, video_scores
from selfvid.evaluation.footage import relate_footage

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tested:
    """A test video with what its fold's detector says of it."""

    recording: Recording
    group: str
    habits: Habits
    chances: Floats
    spans: Floats


@dataclass(frozen=True, eq=False)
class Trial:
    """All test videos of a run.

    Attributes:
        corpus: all its videos.
        eye: its encoder.
        tested: those of all folds.
        labels: names of the K activities.
        assume: what is taken for granted of them.
    """

    corpus: Corpus
    eye: Eye
    tested: Sequence[Tested]
    labels: tuple[str, ...]
    assume: Assume

    @staticmethod
    def of(run: Path, *, quiet: bool) -> Trial:
        """Everything that detectors of `run` say of their test videos."""
        folders = detector_folders(run)
        detectors = [load_detector(folder) for folder in folders]
        recipe = _recipe(run)
        first = detectors[0]
        wanted = Wanted(
            annotations=Path(recipe["annotations"]),
            videos=None if recipe["videos"] is None else Path(recipe["videos"]),
            assume=first.assume,
            labels=first.labels,
            frames=first.frames,
            problems=recipe["problems"],
            decoder=recipe["decoder"],
        )
        eye = _eye(load_encoder(run), first, recipe)
        shelf = run / "features" if recipe["features"] is None else Path(recipe["features"])
        found = find_corpus(wanted, quiet=quiet)
        corpus, vectors = extract(eye, found, shelf, problems=wanted.problems, quiet=quiet)
        place = {each.video.name: at for at, each in enumerate(corpus.recordings)}
        tested = []
        for detector in detectors:
            missing = {*detector.trained, *detector.tested} - set(place)
            if missing:
                raise InputError(f"video {min(missing)!r} of the run cannot be used any more")
            trained = [corpus.recordings[place[name]] for name in detector.trained]
            habits = Habits.of(trained, detector.labels, detector.assume)
            tested += [
                Tested(
                    recording=corpus.recordings[at],
                    group=corpus.groups[at],
                    habits=habits,
                    chances=detector.chances(vectors[at].blocks(), clips=vectors[at].clips),
                    spans=vectors[at].spans,
                )
                for at in map(place.__getitem__, detector.tested)
            ]
        return Trial(corpus, eye, tested, first.labels, first.assume)

    def about(self) -> dict[str, Any]:
        """Which videos, as plain data."""
        return {
            "annotations": sorted({each.video.place for each in self.corpus.recordings})[:1],
            "videos": len(self.corpus.recordings),
            "tested": [each.recording.video.name for each in self.tested],
            "labels": self.labels,
            "assume": self.assume,
            "frames": self.eye.frames,
            "size": self.eye.size,
            "problems": [str(problem) for problem in self.corpus.problems],
        }

    def guess(self, each: Tested, post: PostProcessing) -> Guess:
        """The segments of one test video, and what it shows as a whole."""
        found = post.segments(each.chances, each.spans, labels=self.labels, assume=self.assume)
        return found, video_scores(each.chances, self.assume)

    def at_random(self, seed: int, number: int) -> list[Guess]:
        """One try of the floor at random."""
        rng = np.random.default_rng((seed, number))
        return [each.habits.at_random(rng)(each.recording) for each in self.tested]

    def footage(self) -> dict[str, Any]:
        """How the tested videos relate to what the encoder has seen without labels."""
        rows = tuple(
            Row(path=str(each.video.path), group=each.video.group, video=each.id)
            for each in self.corpus.recordings
        )
        names = {str(each.recording.video.path) for each in self.tested}
        past = self.eye.encoder.provenance
        related = relate_footage(
            Manifest(rows, Path()),
            [row for row in rows if row.path in names],
            past.footage,
            generated=past.generated,
        )
        return dataclasses.asdict(related)


def _recipe(run: Path) -> dict[str, Any]:
    try:
        plain = yaml.safe_load((run / "recipe.yaml").read_text(encoding="utf-8"))
        return {
            **{name: plain[name] for name in ("annotations", "videos", "features", "problems")},
            "decoder": plain["decoder"],
            "accelerator": plain["training"]["accelerator"],
        }
    except (OSError, LookupError, TypeError, yaml.YAMLError) as error:
        raise InputError(f"{str(run)!r} has no recipe of detect train ({error!r})") from None


def _eye(encoder: Encoder, detector: Detector, recipe: dict[str, Any]) -> Eye:
    device = pick_device(recipe["accelerator"])
    return Eye(
        encoder=encoder.to(device),
        frames=detector.frames,
        size=detector.size,
        device=device,
        precision=detector.precision,
        decoder=recipe["decoder"],
    )
