"""The second data set of a finetune run: its part for each fold, its tests and its result."""

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
    """A second data set beside the folds of the first.

    Attributes:
        settings: of the run, with a second data set.
        second: that data set.
        parts: what of it goes with each fold.
    """

    settings: FinetuneSettings
    second: SecondData
    parts: tuple[SecondPart, ...]

    @staticmethod
    def of(
        settings: FinetuneSettings, videos: Manifest, folds: Sequence[Fold]
    ) -> SecondFolds | None:
        """The second data set of `settings`; None where it has none.

        Args:
            settings: of the run.
            videos: of the first data set.
            folds: of the first data set.

        Raises:
            InputError: where too little of it may be trained or tested on.
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
        """Keep the second head of a fold, and its scores where there are test videos.

        Args:
            classifier: trained, with two heads, on the tester's device.
            tester: how videos are tested.
            folder: the fold's.
            fold: its place among them.
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
        """The result with what the second head came to.

        Args:
            result: of the first data set.
            folders: one of each fold.
        """
        files = [folder / SECOND_SCORES for folder in folders]
        scores = [Scores.read(file) for file in files if file.is_file()]
        found = SecondResult.of(scores, self.second, seed=self.settings.seed) if scores else None
        untested = f"second head: not tested, since {self.second.data} has no split of its own"
        said = untested if found is None else str(found)
        return dataclasses.replace(
            result, second=found, verdicts=(*result.verdicts, said, *self._left_out())
        )

    def protocol(self) -> dict[str, Any]:
        """What was decided of it, in plain data."""
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
        over = "" if len(self.parts) == 1 else f" over {len(self.parts)} folds"
        counts = (
            ("training", sum(part.train_left_out for part in self.parts), "tests"),
            ("test", sum(part.test_left_out for part in self.parts), "trains"),
        )
        for kind, count, does in counts:
            if count:
                yield (
                    f"{count} {kind} rows of the second data set were left out{over}: the first "
                    f"{does} on their videos"
                )
