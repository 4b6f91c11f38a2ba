"""Testing a classifier on whole videos: several clips of each video, several views of each clip."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from selfvid.compute import Precision, autocast
from selfvid.data.clips.crops import Crop
from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.loader import clip_loader
from selfvid.data.manifest.rows import segment_id
from selfvid.encoders.crops import on_crops
from selfvid.errors import InputError
from selfvid.finetuning.classifier import Classifier
from selfvid.results.scores import Scores
from selfvid.saving.whole import write_whole
from selfvid.types import ClipBatch

CLIP_HITS = "clip_hits.json"


@dataclass(frozen=True)
class ClipHits:
    """How many single clips were classified correctly, before a video's clips are averaged.

    The probabilities of all crops of a clip are averaged, so that they count as one clip.

    Attributes:
        clips: number of clips.
        right: number of clips that were classified correctly.
    """

    clips: int = 0
    right: int = 0

    def __add__(self, other: ClipHits) -> ClipHits:
        return ClipHits(self.clips + other.clips, self.right + other.right)


@dataclass(frozen=True)
class Tester:
    """Tests classifiers on videos.

    Attributes:
        crop: cuts the views of a clip; None takes the clip as its only view.
        device: device that the classifier is on.
        precision: number format that the classifier computes in.
        batch: number of views per forward pass: enough to be fast with little memory.
        workers: number of loading processes; 0 decodes in this process.
        quiet: whether to show no progress bar.
    """

    crop: Crop | None
    device: torch.device
    precision: Precision = "auto"
    batch: int = 64
    workers: int = 0
    quiet: bool = False

    @torch.inference_mode()
    def scores(
        self, classifier: Classifier, dataset: ClipDataset, *, classes: tuple[str, ...], what: str
    ) -> Scores:
        """Return the scores of `test` alone."""
        return self.test(classifier, dataset, classes=classes, what=what)[0]

    @torch.inference_mode()
    def test(
        self, classifier: Classifier, dataset: ClipDataset, *, classes: tuple[str, ...], what: str
    ) -> tuple[Scores, ClipHits]:
        """Average the probabilities of all views of each video, and count single clips' hits.

        Args:
            classifier: the classifier, on the device.
            dataset: one item for each video, in the manifest's order; no item may fail.
            classes: names of the K classes.
            what: name of the test, for the progress bar.
        """
        assert dataset.labels is not None
        was_training = classifier.training
        classifier.eval()
        rows = dataset.manifest.rows
        each = self.probabilities(classifier, dataset)
        found = list(tqdm(each, what, len(rows), unit="video", disable=self.quiet))
        classifier.train(was_training)
        means = np.stack([clips.mean(axis=0) for clips in found])
        scores = Scores(
            videos=tuple(segment_id(row) for row in rows),
            labels=dataset.labels,
            classes=classes,
            probabilities=means / means.sum(axis=1, keepdims=True),
        )
        correct = [
            clips.argmax(axis=1) == label
            for clips, label in zip(found, dataset.labels, strict=True)
        ]
        return scores, ClipHits(sum(map(len, correct)), int(sum(each.sum() for each in correct)))

    def probabilities(
        self, classifier: Classifier, dataset: ClipDataset
    ) -> Iterator[NDArray[np.float64]]:
        """Yield the probabilities (clips, K) of one video after the other."""
        for batch in clip_loader(dataset, batch_size=1, workers=self.workers):
            yield self._of(classifier, batch)

    def _of(self, classifier: Classifier, batch: ClipBatch) -> NDArray[np.float64]:
        clips = batch.to(self.device).clip()  # (B, T, C, H, W)
        cut, crops = (None, 1) if self.crop is None else (self.crop.views, self.crop.count)
        found = []
        with autocast(self.precision, self.device):
            for part in clips.split(max(1, self.batch // crops)):
                prediction, _ = on_crops(classifier, part, cut)
                found.append(prediction.probabilities)
        return self.of_clips(found)

    def of_clips(self, found: Sequence[Tensor]) -> NDArray[np.float64]:
        """Average over the crops of each clip.

        Args:
            found: the probabilities of all views of a video in parts, each (views, K).

        Returns:
            The probabilities (clips, K).
        """
        crops = 1 if self.crop is None else self.crop.count
        views = torch.cat([part.double() for part in found])  # (clips x crops, K)
        mean: NDArray[np.float64] = views.unflatten(0, (-1, crops)).mean(1).cpu().numpy()
        return mean


def write_clip_hits(hits: ClipHits, folder: Path) -> Path:
    """Write the counts into the folder of a fold, whole or not at all."""
    return write_whole(folder / CLIP_HITS, json.dumps(dataclasses.asdict(hits)) + "\n")


def read_clip_hits(folder: Path) -> ClipHits:
    """Return the counts that are in the folder of a fold.

    Raises:
        InputError: If there are none.
    """
    path = folder / CLIP_HITS
    try:
        plain = json.loads(path.read_text())
        return ClipHits(int(plain["clips"]), int(plain["right"]))
    except (OSError, ValueError, LookupError, TypeError):
        raise InputError(
            f"{str(path)!r} has no counts of correctly classified clips; expected the file that "
            "selfvid finetune wrote"
        ) from None
