"""A classifier is an encoder with a head on it; here it is defined, saved and loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from selfvid.encoders.base import Encoder, load_encoder
from selfvid.errors import InputError
from selfvid.heads.base import Head
from selfvid.saving.modules import load_module, read_config, save_module
from selfvid.types import Features, Prediction

KIND = "head"
"""Kind of a saved head, and the name of its folder in a run."""

SECOND_HEAD = "second_head"
"""Name of the folder of a run's second head."""


class Classifier(nn.Module):
    """An encoder and a head, which map clips to class probabilities.

    Args:
        encoder: maps clips to features.
        head: maps features to class probabilities.
    """

    def __init__(self, encoder: Encoder, head: Head) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, clip: Tensor) -> tuple[Prediction, Features]:
        """Return the prediction for clips (B, T, C, H, W) and the features it was made from."""
        features: Features = self.encoder(clip)
        prediction: Prediction = self.head(features)
        return prediction, features


class TwoHeads(Classifier):
    """A classifier with a second head, for the classes of another data set.

    Args:
        encoder: maps clips to features.
        head: the head for the classes of the first data set, which `forward` uses.
        second_head: the head for the classes of the second data set.
    """

    def __init__(self, encoder: Encoder, head: Head, second_head: Head) -> None:
        super().__init__(encoder, head)
        self.second_head = second_head

    @property
    def second(self) -> Classifier:
        """A classifier of the same encoder and the second head."""
        return Classifier(self.encoder, self.second_head)


@dataclass(frozen=True)
class Trained:
    """A trained classifier, as a run saved it, and the names of its classes."""

    classifier: Classifier
    classes: tuple[str, ...]


def save_classifier(classifier: Classifier, folder: Path, *, classes: tuple[str, ...]) -> None:
    """Save the encoder in ``encoder/`` and the head in ``head/`` of `folder`.

    They replace what a run that was killed before its scores left there.
    """
    classifier.encoder.save(folder / "encoder", overwrite=True)
    save_head(classifier.head, folder / KIND, classes=classes)


def save_head(head: Head, folder: Path, *, classes: tuple[str, ...]) -> None:
    """Save a head and the names of its classes in `folder`."""
    save_module(head, folder, kind=KIND, about={"classes": list(classes)}, overwrite=True)


def load_classifier(folder: str | Path, *, head: str = KIND) -> Trained:
    """Load a classifier from the folder of a `finetune` run, or of one of its folds.

    The classifier is in evaluation mode.

    Args:
        folder: a folder with an encoder and a head.
        head: the name of the head's folder in it. A run on two data sets has two heads, and the
            second one is in ``second_head``.

    Raises:
        InputError: If the folder has no such head, or the head does not name its classes.
    """
    folder, place = Path(folder), Path(folder) / head
    if not place.is_dir():
        raise InputError(f"{str(folder)!r} holds no {head}/; expected a run of finetune, or a fold")
    # mypy assumes that the abstract class itself is to be created.
    made = load_module(place, kind=KIND, expected=Head)  # type: ignore[type-abstract]
    classes = read_config(place, kind=KIND).get("classes")
    if not isinstance(classes, list) or len(classes) != made.classes:
        raise InputError(f"{str(place)!r} does not name its {made.classes} classes")
    return Trained(Classifier(load_encoder(folder), made).eval(), tuple(map(str, classes)))


def check_fits(classifier: Classifier, size: tuple[int, int], *, frames: int) -> None:
    """Run the classifier on an empty clip, since only the network knows which sizes are too small.

    Args:
        classifier: is left in the mode, training or evaluation, that it was in.
        size: H and W of the clips.
        frames: T of the clips.

    Raises:
        InputError: If the classifier cannot process clips of that size and length.
    """
    was_training = classifier.training
    try:
        with torch.no_grad():
            classifier.eval()(torch.zeros(1, frames, classifier.encoder.in_channels, *size))
    except InputError:
        raise
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"frames of {list(size)} do not fit the encoder ({error}); expected larger ones"
        ) from error
    finally:
        classifier.train(was_training)
