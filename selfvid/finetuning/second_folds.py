"""The second data set of a finetune run: its part for each fold, its test and its result."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.splits import Fold
from selfvid.finetuning.classifier import SECOND_HEAD, Classifier, TwoHeads, save_head
from selfvid.finetuning.clips import labelled_clips
from selfvid.finetuning.result import FinetuneResult, SecondResult
from selfvid.finetuning.second_set import SecondData, SecondPart
from selfvid.finetuning.settings import FinetuneSettings
from selfvid.finetuning.testing import Tester
from selfvid.results.scores import Scores

SECOND_SCORES = "scores_second.csv"


@dataclass(frozen=True)
class SecondFolds:
    """The parts of a second data set for the folds of the first.

    Attributes:
        settings: the settings of the run.
        second: the second data set.
        parts: its part for each fold.
    """

    settings: FinetuneSettings
    second: SecondData
    parts: tuple[SecondPart, ...]

    @staticmethod
    def of(
        settings: FinetuneSettings, videos: Manifest, folds: Sequence[Fold]
    ) -> SecondFolds | None:
        """Return the second data set of a run, or None if the run has none.

        Args:
            settings: the settings of the run.
            videos: the videos of the first data set.
            folds: the folds of the first data set.

        Raises:
            InputError: If a fold leaves too few of its videos for training or for the test.
        """
        if settings.second is None:
            return None
        parts = [
            settings.second.part(videos.select(fold.train), videos.select(fold.test))
            for fold in folds
        ]
        return SecondFolds(settings, settings.second, tuple(parts))

    def finish(
        self,
        classifier: Classifier,
        tester: Tester,
        folder: Path,
        *,
        fold: int,
        size: Sequence[int],
    ) -> None:
        """Save the second head of a fold, and its scores if there are test videos.

        Args:
            classifier: the trained classifier with two heads, on the tester's device.
            tester: tests a classifier on videos.
            folder: the folder of the fold.
            fold: the index of the fold, from 0.
            size: H and W of the first data set's frames.
        """
        assert isinstance(classifier, TwoHeads)
        classes, test = self.second.classes, self.parts[fold].test
        save_head(classifier.second_head, folder / SECOND_HEAD, classes=classes)
        if test is not None:
            height, width = size
            dataset = labelled_clips(
                self.settings.of_second(size=(height, width)), test, classes, testing=True
            )
            scores = tester.scores(
                classifier.second, dataset, classes=classes, what="testing second head"
            )
            scores.write(folder / SECOND_SCORES)

    def added_to(self, result: FinetuneResult, folders: Iterable[Path]) -> FinetuneResult:
        """Return the result of the first data set with that of the second added.

        Args:
            result: the result of the first data set.
            folders: the folder of each fold.
        """
        files = [folder / SECOND_SCORES for folder in folders]
        scores = [Scores.read(file) for file in files if file.is_file()]
        found = SecondResult.of(scores, self.second, seed=self.settings.seed) if scores else None
        untested = f"second head: not tested, since {self.second.data} has no split of its own"
        verdict = untested if found is None else str(found)
        return dataclasses.replace(
            result, second=found, verdicts=(*result.verdicts, verdict, *self._left_out())
        )

    def protocol(self) -> dict[str, Any]:
        """Return the settings and sizes of the second data set, as plain data."""
        return {
            **self.settings.recipe()["second"],
            "classes": len(self.second.classes),
            "manifest_hash": self.second.videos.hash(),
            "folds": [
                {
                    "train": len(part.train),
                    "test": 0 if part.test is None else len(part.test),
                    "train_left_out": part.train_left_out,
                    "test_left_out": part.test_left_out,
                }
                for part in self.parts
            ],
        }

    def _left_out(self) -> Iterable[str]:
        """Yield a sentence for each kind of rows that were left out."""
        over = "" if len(self.parts) == 1 else f" over {len(self.parts)} folds"
        counts = (
            ("training", sum(part.train_left_out for part in self.parts), "tests"),
            ("test", sum(part.test_left_out for part in self.parts), "trains"),
        )
        for kind, count, use in counts:
            if count:
                yield (
                    f"{count} {kind} rows of the second data set were left out{over}: the first "
                    f"{use} on their videos"
                )
