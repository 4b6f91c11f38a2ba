"""An encoder with a head on it, as it is trained, tested, saved and loaded."""

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
SECOND_HEAD = "second_head"


class Classifier(nn.Module):
    """Clips to classes.

    Args:
        encoder: clips to features.
        head: features to classes.
    """

    def __init__(self, encoder: Encoder, head: Head) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, clip: Tensor) -> tuple[Prediction, Features]:
        """The prediction for clips (B, T, C, H, W), and the features it was made from."""
        features: Features = self.encoder(clip)
        prediction: Prediction = self.head(features)
        return prediction, features


class TwoHeads(Classifier):
    """A classifier with a second head, for the classes of another data set.

    Args:
        encoder: clips to features.
        head: features to the classes of the first data set; the one that `forward` asks.
        second_head: features to those of the second.
    """

    def __init__(self, encoder: Encoder, head: Head, second_head: Head) -> None:
        super().__init__(encoder, head)
        self.second_head = second_head

    @property
    def second(self) -> Classifier:
        """The same encoder under the second head."""
        return Classifier(self.encoder, self.second_head)


@dataclass(frozen=True)
class Trained:
    """A classifier that a run left, with the names of its classes."""

    classifier: Classifier
    classes: tuple[str, ...]


def save_classifier(classifier: Classifier, folder: Path, *, classes: tuple[str, ...]) -> None:
    """Write ``encoder/`` and ``head/`` into `folder`."""
    classifier.encoder.save(folder / "encoder")
    save_head(classifier.head, folder / KIND, classes=classes)


def save_head(head: Head, folder: Path, *, classes: tuple[str, ...]) -> None:
    """Write a head and the names of its classes into `folder`."""
    save_module(head, folder, kind=KIND, about={"classes": list(classes)})


def load_classifier(folder: str | Path, *, head: str = KIND) -> Trained:
    """The classifier in `folder`, a run of `finetune` or one of its folds, for evaluation.

    Args:
        folder: holds an encoder and a head.
        head: the folder in it of the head that is wanted; of a run on two data sets
            ``second_head`` is the other.

    Raises:
        InputError: where there is none.
    """
    folder, place = Path(folder), Path(folder) / head
    if not place.is_dir():
        raise InputError(f"{str(folder)!r} holds no {head}/; expected a run of finetune, or a fold")
    # mypy takes an abstract class for one that shall be made.
    made = load_module(place, kind=KIND, expected=Head)  # type: ignore[type-abstract]
    classes = read_config(place, kind=KIND).get("classes")
    if not isinstance(classes, list) or len(classes) != made.classes:
        raise InputError(f"{str(place)!r} does not name its {made.classes} classes")
    return Trained(Classifier(load_encoder(folder), made).eval(), tuple(map(str, classes)))


def check_fits(classifier: Classifier, size: tuple[int, int], *, frames: int) -> None:
    """Let the classifier see an empty clip: only it knows what is too small.

    Raises:
        InputError: where it cannot read clips of that size and length.
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
