"""One supervised training step: the loss of a head on labelled clips."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from selfvid.data.clips.crops import Crop
from selfvid.encoders.crops import on_crops
from selfvid.finetuning.classifier import Classifier
from selfvid.heads.base import Head
from selfvid.training.module import ClipTraining
from selfvid.training.rates import Rates, freeze_statistics
from selfvid.types import ClipBatch, Features, Losses, Prediction


class SupervisedTraining(ClipTraining):
    """Trains a classifier on labelled clips.

    Args:
        classifier: the classifier to train, in place.
        rates: factors of the learning rate by part; parts with 0 are frozen.
        crop: cuts a smaller frame from each clip, after all other augmentation; or None.
        more: further arguments of `ClipTraining`.
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
        """The module that is trained: encoder and head."""
        return self.classifier

    def on_train_start(self) -> None:
        """Put frozen parts into evaluation mode, so that their running averages stay too."""
        freeze_statistics(self.classifier)

    def features_of(self, clip: Tensor) -> Features:
        """Return the features of clips (B, T, C, H, W), or of a random crop of each."""
        features: Features = on_crops(self.classifier.encoder, clip, self.crop)
        return features

    def losses_of(self, clip: Tensor, batch: ClipBatch) -> Losses:
        """Return the head's loss and the share of clips that it classifies correctly."""
        assert batch.labels is not None
        prediction, _ = on_crops(self.classifier, clip, self.crop)
        return supervised_losses(self.classifier.head, prediction, batch.labels)


def supervised_losses(head: Head, prediction: Prediction, labels: Tensor) -> Losses:
    """Return a head's loss and the share of clips that it classifies correctly.

    Args:
        head: the head.
        prediction: what it says of B clips.
        labels: class indices (B,).
    """
    loss = head.loss(prediction, labels)
    correct = prediction.probabilities.argmax(1) == labels
    return Losses(loss, {"accuracy": correct.to(torch.float32).mean()})
