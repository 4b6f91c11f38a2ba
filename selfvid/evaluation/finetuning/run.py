"""The folds of a finetune run, one after the other, and what they come to."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from selfvid.data.manifest import Manifest
from selfvid.data.rows import segment_id
from selfvid.data.splits import Fold
from selfvid.data.splits import folds as make_folds
from selfvid.data.stills import stills
from selfvid.engine.classifier import save_classifier
from selfvid.engine.precision import pick_device
from selfvid.engine.run_folder import RunFolder
from selfvid.engine.supervise import supervise
from selfvid.engine.supervision import Supervision
from selfvid.engine.testing import Tester
from selfvid.engine.turns import TURNS
from selfvid.evaluation.finetuning.gate_pictures import gate_pictures
from selfvid.evaluation.finetuning.result import FinetuneResult
from selfvid.evaluation.footage import relate_footage
from selfvid.evaluation.protocol import about_machine
from selfvid.pictures import write_png
from selfvid.scores import Scores

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
        parts = make_folds(self.videos, column=job.label, folds=self.folds, seed=job.seed)
        recipe = job.recipe() | {"folds": self.folds, "score_training": self.score_training}
        if resume:
            run.check_resumable(recipe)
        else:
            run.create()
            run.write_recipe(recipe)
        scores = [
            self._scores(fold, run.path if len(parts) == 1 else run.fold(number))
            for number, fold in enumerate(parts, start=1)
        ]
        pooled = _joined(scores)
        pooled.write(run.path / SCORES)
        result = FinetuneResult.of(
            pooled,
            heading=self._heading(parts),
            groups=self._groups(pooled),
            footage=self._footage(pooled),
            protocol=self._protocol(parts, asked, seconds=time.monotonic() - began),
            path=run.path,
        )
        result.write()
        return result

    @cached_property
    def unlabelled(self) -> set[str]:
        """Content ids of what coherence is asked of, labelled stills that it shows among them."""
        coherence = self.job.coherence
        return set() if coherence is None else coherence.seen(stills(self.videos))

    def _scores(self, fold: Fold, folder: Path) -> Scores:
        if (folder / SCORES).is_file():
            return Scores.read(folder / SCORES)
        job = self.job
        train, test = self.videos.select(fold.train), self.videos.select(fold.test)
        classes = tuple(self.videos.classes(job.label))
        classifier = supervise(
            job,
            train,
            RunFolder(folder),
            classes=classes,
            what=fold.name,
            unlabelled=self.unlabelled,
        )
        tester = Tester(
            crop=job.crop,
            device=pick_device(job.training.accelerator),
            precision=job.training.precision,
            workers=job.workers,
            quiet=self.quiet,
        )
        classifier.to(tester.device)
        if self.score_training:
            known = job.dataset(train, classes, testing=True)
            made = tester.scores(classifier, known, classes=classes, what="scoring training")
            made.write(folder / TRAINING_SCORES)
        unknown = job.dataset(test, classes, testing=True)
        scores = tester.scores(classifier, unknown, classes=classes, what="testing")
        classifier.cpu().eval()
        for number, picture in enumerate(gate_pictures(classifier, unknown), start=1):
            name = f"gates_of_video_{number}-{job.training.steps:08d}.png"
            write_png(picture, RunFolder(folder).pictures / name)
        save_classifier(classifier, folder, classes=classes)
        scores.write(folder / SCORES)
        return scores

    def _heading(self, parts: list[Fold]) -> str:
        job = self.job
        tests = f"{len(parts)} folds" if len(parts) > 1 else "one split"
        crops = "" if job.crop is None else f", {job.crop.count} crops of each"
        turns = ""
        if job.coherence is not None:
            turns = f", in turn with coherence on {len(job.coherence.footage)} videos"
        return (
            f"{type(job.head).__name__} on {type(job.encoder).__name__}{turns}, {job.label}, "
            f"{tests}; tested on {job.views}{crops}"
        )

    def _groups(self, scores: Scores) -> list[int]:
        """The group of each tested video."""
        of = dict(zip(map(segment_id, self.videos.rows), self.videos.groups.tolist(), strict=True))
        return [of[video] for video in scores.videos]

    def _footage(self, scores: Scores) -> dict[str, Any]:
        """How the tested videos relate to what the encoder has seen without labels."""
        past = self.job.encoder.provenance
        tested = set(scores.videos)
        rows = [row for row in self.videos.rows if segment_id(row) in tested]
        seen = {*past.footage, *self.unlabelled}
        related = relate_footage(self.videos, rows, tuple(seen), generated=past.generated)
        return dataclasses.asdict(related)

    def _protocol(self, parts: list[Fold], asked: str, *, seconds: float) -> dict[str, Any]:
        job = self.job
        return {
            "command": asked,
            "folds": [
                {"name": fold.name, "train": len(fold.train), "test": len(fold.test)}
                for fold in parts
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
