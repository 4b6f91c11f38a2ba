"""The folds of a finetune run, one after the other, and what they come to."""

from __future__ import annotations

import dataclasses
import shutil
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import segment_id
from selfvid.data.manifest.splits import Fold
from selfvid.data.manifest.splits import folds as make_folds
from selfvid.data.clips.stills import stills
from selfvid.finetuning.kept_features.testing import cached_tester
from selfvid.finetuning.kept_features.make import Caching
from selfvid.finetuning.classifier import save_classifier
from selfvid.compute import pick_device
from selfvid.training.run_folder import RunFolder
from selfvid.finetuning.train import supervise
from selfvid.finetuning.settings.run import Supervision
from selfvid.finetuning.testing import ClipHits, Tester
from selfvid.finetuning.coherence.batches import TURNS
from selfvid.finetuning.clip_hits import read_clip_hits, write_clip_hits
from selfvid.finetuning.gate_pictures import gate_pictures
from selfvid.finetuning.result import FinetuneResult
from selfvid.finetuning.second_folds import SecondSet
from selfvid.finetuning.stages import before, continued
from selfvid.results.leaks import Footage, relate_footage
from selfvid.results.protocol import about_machine
from selfvid.pictures import write_png
from selfvid.statistics.scores import Scores

SCORES, TRAINING_SCORES = "scores.csv", "scores_training.csv"


@dataclass(frozen=True)
class FinetuneRun:
    """A supervision carried out on every fold.

    Attributes:
        job: what is trained, and how.
        videos: the labelled ones.
        folds: how many, or None for the manifest's own split, else five.
        score_training: whether the training part is scored too.
        quiet: show no progress of tests.
    """

    job: Supervision
    videos: Manifest
    folds: int | None
    score_training: bool
    quiet: bool

    def carry_out(self, *, resume: bool, asked: str) -> FinetuneResult:
        """Train and test every fold; those that are finished are not trained again."""
        began = time.monotonic()
        job, run = self.job, RunFolder(self.job.out)
        parts, second = self.parts, self.second
        recipe = job.recipe() | {"folds": self.folds, "score_training": self.score_training}
        if self.caching is not None and job.cache_folder is not None:
            _ = self.caching.opened  # refuses other features before the run's folder is made
        if resume:
            run.check_resumable(recipe)
        else:
            run.create()
            run.write_recipe(recipe)
        scores = [self._scores(place) for place in range(len(parts))]
        pooled = _joined(scores)
        pooled.write(run.path / SCORES)
        result = FinetuneResult.of(
            pooled,
            sum((read_clip_hits(self._folder(place)) for place in range(len(parts))), ClipHits()),
            heading=self._heading(),
            groups=self._groups(pooled),
            footage=self._footage(),
            protocol=self._protocol(asked, seconds=time.monotonic() - began),
            path=run.path,
        )
        if second is not None:
            result = second.added_to(result, map(self._folder, range(len(parts))))
        result.write()
        if job.cache is not None and job.cache_folder is None:
            shutil.rmtree(job.features, ignore_errors=True)
        return result

    @cached_property
    def caching(self) -> Caching | None:
        """What keeps features of the videos of all folds; None where clips are seen anew."""
        if self.job.cache is None:
            return None
        tested = [fold.test for fold in self.parts]
        tested += [fold.train for fold in self.parts] if self.score_training else []
        return Caching(
            self.job,
            train=self._any_of([fold.train for fold in self.parts]),
            test=self._any_of(tested),
            classes=self.classes,
            quiet=self.quiet,
        )

    def _any_of(self, places: list[NDArray[np.int64]]) -> Manifest:
        return self.videos.select(np.unique(np.concatenate(places)))

    @cached_property
    def unlabelled(self) -> set[str]:
        """Content ids of what coherence is asked of, labelled stills that it shows among them."""
        coherence = self.job.coherence
        return set() if coherence is None else coherence.seen(stills(self.videos))

    @cached_property
    def parts(self) -> list[Fold]:
        """What is trained and tested on, fold by fold."""
        job = self.job
        return make_folds(self.videos, column=job.label, folds=self.folds, seed=job.seed)

    @cached_property
    def second(self) -> SecondSet | None:
        """The second data set, parted to go with the folds; None where there is none."""
        return SecondSet.of(self.job, self.videos, self.parts)

    def _folder(self, place: int) -> Path:
        """Where the fold at a place of the list is kept."""
        run = RunFolder(self.job.out)
        return run.path if len(self.parts) == 1 else run.fold(place + 1)

    def _scores(self, place: int) -> Scores:
        fold, folder = self.parts[place], self._folder(place)
        if (folder / SCORES).is_file():
            return Scores.read(folder / SCORES)
        train, test = self.videos.select(fold.train), self.videos.select(fold.test)
        job = continued(self.job, test, fold=place + 1)
        second = self.second
        classes = self.classes
        classifier = supervise(
            job,
            train,
            RunFolder(folder),
            classes=classes,
            what=fold.name,
            unlabelled=self.unlabelled,
            second=None if second is None else second.parts[place].train,
            cache=None if self.caching is None else self.caching.filled,
        )
        tester = self._tester()
        classifier.to(tester.device)
        if self.score_training:
            known = job.dataset(train, classes, testing=True)
            made = tester.scores(classifier, known, classes=classes, what="scoring training")
            made.write(folder / TRAINING_SCORES)
        unknown = job.dataset(test, classes, testing=True)
        scores, hits = tester.test(classifier, unknown, classes=classes, what="testing")
        write_clip_hits(hits, folder)
        if second is not None:
            second.finish(classifier, tester, folder, fold=place, size=unknown.size)
        classifier.cpu().eval()
        for number, picture in enumerate(gate_pictures(classifier, unknown), start=1):
            name = f"gates_of_video_{number}-{job.training.steps:08d}.png"
            write_png(picture, RunFolder(folder).pictures / name)
        save_classifier(classifier, folder, classes=classes)
        scores.write(folder / SCORES)
        return scores

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the K classes."""
        return tuple(self.videos.classes(self.job.label))

    def _tester(self) -> Tester:
        job = self.job
        plain = Tester(
            crop=job.crop,
            device=pick_device(job.training.accelerator),
            precision=job.training.precision,
            workers=job.workers,
            quiet=self.quiet,
        )
        return plain if self.caching is None else cached_tester(plain, self.caching.filled.views)

    def _heading(self) -> str:
        job = self.job
        tests = f"{len(self.parts)} folds" if len(self.parts) > 1 else "one split"
        crops = "" if job.crop is None else f", {job.crop.count} crops of each"
        turns = ""
        if job.coherence is not None:
            turns = f", in turn with coherence on {len(job.coherence.footage)} videos"
        if job.cache is not None:
            turns = f", frozen, {job.cache} kept clips of each training video"
        if job.also is not None:
            turns = (
                f", multi-task with {job.also.label} of {len(job.also.videos)} rows in "
                f"{job.also.data}"
            )
        return (
            f"{type(job.head).__name__} on {type(job.encoder).__name__}{turns}, {job.label}, "
            f"{tests}; tested on {job.views}{crops}"
        )

    def _groups(self, scores: Scores) -> list[int]:
        """The group of each tested video."""
        of = dict(zip(map(segment_id, self.videos.rows), self.videos.groups.tolist(), strict=True))
        return [of[video] for video in scores.videos]

    def _footage(self) -> dict[str, Any]:
        """How the tested videos relate to what the encoder has seen without their labels."""
        pasts = [before(self.job, fold=number) for number in range(1, len(self.parts) + 1)]
        related = [
            relate_footage(
                self.videos,
                self.videos.select(fold.test).rows,
                (*past.footage, *self.unlabelled),
                labelled=past.labelled,
                generated=past.generated,
            )
            for past, fold in zip(pasts, self.parts, strict=True)
        ]
        return dataclasses.asdict(Footage.summed(related))

    def _protocol(self, asked: str, *, seconds: float) -> dict[str, Any]:
        job = self.job
        return {
            "command": asked,
            "folds": [
                {"name": fold.name, "train": len(fold.train), "test": len(fold.test)}
                for fold in self.parts
            ],
            "manifest_hash": self.videos.hash(),
            "label": job.label,
            "training_clips": repr(job.clips),
            "views": repr(job.views),
            "crops": 1 if job.crop is None else job.crop.count,
            "size": job.size,
            "steps": job.training.steps,
            "updates": job.training.steps * (1 if job.coherence is None else len(TURNS)),
            "coherence": job.recipe()["coherence"],
            "also": None if self.second is None else self.second.protocol(),
            "cached_clips": job.cache,
            "batch": job.training.batch,
            "rates": dict(job.rates.factors),
            "init": job.init,
            "seed": job.seed,
            **about_machine(pick_device(job.training.accelerator)),
            "seconds": round(seconds, 1),
        }


def _joined(scores: list[Scores]) -> Scores:
    """The scores of all folds below one another."""
    return Scores(
        videos=tuple(video for each in scores for video in each.videos),
        labels=np.concatenate([each.labels for each in scores]),
        classes=scores[0].classes,
        probabilities=np.concatenate([each.probabilities for each in scores]),
    )
