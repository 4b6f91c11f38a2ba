"""What a classifier says of whole videos: several clips of each, several views of each clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from selfvid.data.clips import ClipDataset, clip_loader
from selfvid.data.crops import Crop
from selfvid.data.rows import segment_id
from selfvid.engine.classifier import Classifier
from selfvid.engine.precision import Precision, autocast
from selfvid.scores import Scores
from selfvid.types import ClipBatch


@dataclass(frozen=True)
class Tester:
    """How videos are tested.

    Attributes:
        crop: cuts the views of a clip, or None where a clip is one view.
        device: where the classifier computes.
        precision: of its arithmetic.
        batch: views that are computed at once.
        workers: processes that decode; 0 decodes in this one.
        quiet: show no progress.
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
        """The average of the probabilities of all views of each video.

        Args:
            classifier: on the device.
            dataset: one item for each video, in the manifest's order, none of which may fail.
            classes: names of the K classes.
            what: is being tested, for the progress bar.
        """
        was_training = classifier.training
        classifier.eval()
        found, labels = [], []
        rows = dataset.manifest.rows
        videos = clip_loader(dataset, batch_size=1, workers=self.workers)
        for batch in tqdm(videos, what, len(rows), unit="video", disable=self.quiet):
            found.append(self._of(classifier, batch))
            assert batch.labels is not None
            labels.append(int(batch.labels[0]))
        classifier.train(was_training)
        return Scores(
            videos=tuple(segment_id(row) for row in rows),
            labels=np.array(labels, np.int64),
            classes=classes,
            probabilities=np.stack(found),
        )

    def _of(self, classifier: Classifier, batch: ClipBatch) -> NDArray[np.float64]:
        views = self._views(batch.to(self.device).clip())
        whole = bool((batch.lengths == batch.frames.shape[1]).all())
        each = len(views) // len(batch)
        lengths = None if whole else batch.lengths.to(self.device).repeat_interleave(each)
        found = []
        with autocast(self.precision, self.device):
            for first in range(0, len(views), self.batch):
                part = slice(first, first + self.batch)
                prediction, _ = classifier(views[part], None if lengths is None else lengths[part])
                found.append(prediction.probabilities.double())
        mean: NDArray[np.float64] = torch.cat(found).mean(0).cpu().numpy()
        return mean / mean.sum()

    def _views(self, clips: Tensor) -> Tensor:
        return clips if self.crop is None else self.crop.views(clips)
