"""The second data set of a finetune run: parted, tested, written down."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.splits import Fold
from selfvid.finetuning.settings.second_set import Also, SecondPart
from selfvid.finetuning.classifier import SECOND_HEAD, Classifier, TwoHeads, save_head
from selfvid.finetuning.settings.run import Supervision
from selfvid.finetuning.testing import Tester
from selfvid.finetuning.result import FinetuneResult
from selfvid.finetuning.second_result import SecondResult
from selfvid.statistics.scores import Scores

SECOND_SCORES = "scores_second.csv"


@dataclass(frozen=True)
class SecondSet:
    """A second data set beside the folds of the first.

    Attributes:
        job: what is trained, with a second data set.
        also: that data set.
        parts: what of it goes with each fold.
    """

    job: Supervision
    also: Also
    parts: tuple[SecondPart, ...]

    @staticmethod
    def of(job: Supervision, videos: Manifest, folds: Sequence[Fold]) -> SecondSet | None:
        """The second data set of `job`; None where it has none.

        Args:
            job: what is trained.
            videos: of the first data set.
            folds: of the first data set.

        Raises:
            InputError: where too little of it may be trained or tested on.
        """
        if job.also is None:
            return None
        parts = [
            job.also.part(videos.select(fold.train), videos.select(fold.test)) for fold in folds
        ]
        return SecondSet(job, job.also, tuple(parts))

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
        classes, test = self.also.classes, self.parts[fold].test
        save_head(classifier.second_head, folder / SECOND_HEAD, classes=classes)
        if test is not None:
            height, width = size
            dataset = self.job.second(size=(height, width)).dataset(test, classes, testing=True)
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
        second = SecondResult.of(scores, self.also, seed=self.job.seed) if scores else None
        untested = f"second head: not tested, since {self.also.data} has no split of its own"
        said = untested if second is None else str(second)
        return dataclasses.replace(
            result, second=second, verdicts=(*result.verdicts, said, *self._left_out())
        )

    def protocol(self) -> dict[str, Any]:
        """What was decided of it, in plain data."""
        return {
            **self.job.recipe()["also"],
            "classes": len(self.also.classes),
            "manifest_hash": self.also.videos.hash(),
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
