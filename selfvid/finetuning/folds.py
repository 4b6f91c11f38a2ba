"""Training and testing the folds of a finetune run, and the result of all folds together."""

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

from selfvid.compute import choose_device
from selfvid.data.clips.stills import stills
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.splits import Fold
from selfvid.data.manifest.splits import folds as make_folds
from selfvid.finetuning.classifier import save_classifier
from selfvid.finetuning.clips import labelled_clips
from selfvid.finetuning.gate_pictures import write_gate_pictures
from selfvid.finetuning.kept_features.make import FeatureMaker
from selfvid.finetuning.kept_features.train import KeptFeatureTester
from selfvid.finetuning.protocol import heading, protocol
from selfvid.finetuning.result import FinetuneResult, groups_of
from selfvid.finetuning.second_folds import SecondFolds
from selfvid.finetuning.settings import FinetuneSettings
from selfvid.finetuning.stages import before, continued
from selfvid.finetuning.testing import ClipHits, Tester, read_clip_hits, write_clip_hits
from selfvid.finetuning.train import train_classifier
from selfvid.results.leaks import Footage, relate_footage
from selfvid.results.scores import SCORES, Scores, pooled
from selfvid.saving.hashes import short_hash
from selfvid.training.run_folder import RunFolder
from selfvid.training.start import start_or_resume

TRAINING_SCORES = "scores_training.csv"


@dataclass(frozen=True)
class FinetuneRun:
    """The training and test of every fold of a finetune run.

    Attributes:
        settings: the settings of the run.
        videos: the labelled videos.
        folds: number of folds; None uses the manifest's own split, or five folds if it has none.
        score_training: whether scores of the training videos are written too.
        quiet: whether to print nothing.
    """

    settings: FinetuneSettings
    videos: Manifest
    folds: int | None
    score_training: bool
    quiet: bool

    def carry_out(self, *, resume: bool, command: str) -> FinetuneResult:
        """Train and test every fold that is not finished, and return the result of all folds.

        Args:
            resume: whether to continue the run that is in the folder.
            command: the command line that makes the same run again.

        Raises:
            InputError: If the folder of the run, or of kept features, does not fit the settings.
            Interrupted: If a signal ended the training; the last step was saved first.
        """
        began = time.monotonic()
        settings, run = self.settings, RunFolder(self.settings.out)
        parts, second = self.parts, self.second
        recipe = settings.recipe() | {"folds": self.folds, "score_training": self.score_training}
        if self.features is not None and settings.cache_folder is not None:
            _ = self.features.opened  # raises for other features before the run's folder is made
        start_or_resume(run, recipe, resume=resume, manifests=self._manifests())
        scores = pooled([self._fold_scores(place) for place in range(len(parts))])
        scores.write(run.path / SCORES)
        folders = [self._folder(place) for place in range(len(parts))]
        seconds = time.monotonic() - began
        result = FinetuneResult.of(
            scores,
            sum(map(read_clip_hits, folders), ClipHits()),
            heading=heading(settings, parts),
            groups=groups_of(self.videos, scores.videos),
            footage=self._footage(),
            protocol=protocol(
                settings, self.videos, parts, second, command=command, seconds=seconds
            ),
            path=run.path,
        )
        if second is not None:
            result = second.added_to(result, folders)
        result.write()
        if settings.cache is not None and settings.cache_folder is None:
            shutil.rmtree(settings.feature_folder, ignore_errors=True)
        run.finish()
        return result

    @cached_property
    def features(self) -> FeatureMaker | None:
        """Makes the features of the videos of all folds; None if no features are kept."""
        if self.settings.cache is None:
            return None
        tested = [fold.test for fold in self.parts]
        tested += [fold.train for fold in self.parts] if self.score_training else []
        return FeatureMaker(
            self.settings,
            train=self._any_of([fold.train for fold in self.parts]),
            test=self._any_of(tested),
            classes=self.classes,
            quiet=self.quiet,
        )

    def _any_of(self, places: list[NDArray[np.int64]]) -> Manifest:
        return self.videos.select(np.unique(np.concatenate(places)))

    @cached_property
    def unlabelled(self) -> set[str]:
        """Content ids of the videos of coherence, and of labelled images that are their frames."""
        coherence = self.settings.coherence
        return set() if coherence is None else coherence.seen(stills(self.videos))

    @cached_property
    def parts(self) -> list[Fold]:
        """The training and the test videos of each fold."""
        settings = self.settings
        return make_folds(self.videos, column=settings.label, folds=self.folds, seed=settings.seed)

    @cached_property
    def second(self) -> SecondFolds | None:
        """The parts of the second data set for the folds; None if there is no second data set."""
        return SecondFolds.of(self.settings, self.videos, self.parts)

    def _manifests(self) -> dict[str, str]:
        """Return the hash of what the run reads of each of its manifests, by option."""
        settings = self.settings
        found = {"data": self.videos.reading_hash(settings.label)}
        places = [[fold.train.tolist(), fold.test.tolist()] for fold in self.parts]
        found["folds"] = short_hash([repr(places)])
        if settings.coherence is not None:
            found["coherence"] = settings.coherence.footage.reading_hash()
        if settings.second is not None:
            second = settings.second
            found["second"] = second.videos.reading_hash(second.label, "split", "group")
        return found

    def _folder(self, place: int) -> Path:
        """Return the folder of a fold; a single fold has the folder of the run."""
        run = RunFolder(self.settings.out)
        return run.path if len(self.parts) == 1 else run.fold(place + 1)

    def _fold_scores(self, place: int) -> Scores:
        """Return the scores of a fold's test videos; train and test it unless it is finished."""
        fold, folder = self.parts[place], self._folder(place)
        if (folder / SCORES).is_file():
            return Scores.read(folder / SCORES)
        train, test = self.videos.select(fold.train), self.videos.select(fold.test)
        settings = continued(self.settings, test, fold=place + 1)
        classes, second = self.classes, self.second
        classifier = train_classifier(
            settings,
            train,
            RunFolder(folder),
            classes=classes,
            what=fold.name,
            unlabelled=self.unlabelled,
            second=None if second is None else second.parts[place].train,
            kept=None if self.features is None else self.features.filled,
            quiet=self.quiet,
        )
        tester = self._tester()
        classifier.to(tester.device)
        if self.score_training:
            clips = labelled_clips(settings, train, classes, testing=True)
            scores = tester.scores(classifier, clips, classes=classes, what="scoring training")
            scores.write(folder / TRAINING_SCORES)
        clips = labelled_clips(settings, test, classes, testing=True)
        scores, hits = tester.test(classifier, clips, classes=classes, what="testing")
        write_clip_hits(hits, folder)
        if second is not None:
            second.finish(classifier, tester, folder, fold=place, size=clips.size)
        write_gate_pictures(
            classifier.cpu().eval(),
            clips,
            RunFolder(folder).pictures,
            crop=settings.crop,
            step=settings.training.steps,
        )
        save_classifier(classifier, folder, classes=classes)
        scores.write(folder / SCORES)
        return scores

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the K classes."""
        return tuple(self.videos.classes(self.settings.label))

    def _tester(self) -> Tester:
        settings = self.settings
        plain = Tester(
            crop=settings.crop,
            device=choose_device(settings.device),
            precision=settings.precision,
            workers=settings.reading.processes,
            quiet=self.quiet,
        )
        if self.features is None:
            return plain
        return KeptFeatureTester.like(plain, self.features.filled.views)

    def _footage(self) -> dict[str, Any]:
        """Return how many test videos the encoder was trained on, in numbers; see `Footage`."""
        pasts = [before(self.settings, fold=number) for number in range(1, len(self.parts) + 1)]
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
