"""One supervised training step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from selfvid.data.clips.crops import Crop
from selfvid.finetuning.classifier import Classifier
from selfvid.training.module import ClipTraining
from selfvid.training.rates import Rates, keep_still
from selfvid.heads.base import Head
from selfvid.types import ClipBatch, Features, Losses


class Supervised(ClipTraining):
    """Trains a classifier on labelled clips.

    Args:
        classifier: what is trained.
        rates: how fast each of its parts learns.
        crop: cuts a smaller frame from each clip, behind all other augmentation.
        more: as `ClipTraining` explains them.
    """

    def __init__(
        self, classifier: Classifier, *, rates: Rates, crop: Crop | None, **more: Any
    ) -> None:
        super().__init__(**more)
        self.classifier = classifier
        self.rates = rates
        self.crop = crop
        rates.freeze(classifier)

    @property
    def learner(self) -> nn.Module:
        """Encoder and head."""
        return self.classifier

    def on_train_start(self) -> None:
        """Frozen parts do not even change their averages."""
        keep_still(self.classifier)

    def losses_of(self, clip: Tensor, lengths: Tensor | None, batch: ClipBatch) -> Losses:
        """The head's loss, and the share of clips it names rightly."""
        assert batch.labels is not None
        if self.crop is not None:
            clip = self.crop(clip)
        return judged(self.classifier.head, self.classifier.encoder(clip, lengths), batch.labels)


def judged(head: Head, features: Features, labels: Tensor) -> Losses:
    """A head's loss, and the share of clips it names rightly.

    Args:
        head: what is asked.
        features: of B clips.
        labels: class indices (B,).
    """
    prediction = head(features)
    loss = head.loss(prediction, labels, features.lengths)
    right = prediction.probabilities.argmax(1) == labels
    return Losses(loss, {"accuracy": right.to(torch.float32).mean()})
