"""A trained detector: along the vectors of a video's clips, and in its folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from selfvid.compute import Precision
from selfvid.data.annotations.annotations import Assume
from selfvid.detecting.corpus import Corpus, Part
from selfvid.encoders.base import Encoder, load_encoder
from selfvid.errors import InputError
from selfvid.heads.detection import ActivityDetector
from selfvid.recurrent import State
from selfvid.saving.former import current_precision
from selfvid.saving.modules import load_module, read_config, save_module
from selfvid.training.run_folder import RunFolder
from selfvid.types import Features

KIND = "detector"


@dataclass(frozen=True, eq=False)
class Detector:
    """A head with all that it takes to use it on the vectors of its encoder.

    Attributes:
        head: in evaluation mode.
        labels: names of the K activities.
        assume: what was taken for granted of activities.
        frames: T of a clip.
        size: (H, W) of a frame.
        precision: of the encoder's arithmetic.
        trained: names of the videos that it was trained on.
        tested: names of those that it is to be tested on.
    """

    head: ActivityDetector
    labels: tuple[str, ...]
    assume: Assume
    frames: int
    size: tuple[int, int]
    precision: Precision
    trained: tuple[str, ...]
    tested: tuple[str, ...]

    @torch.inference_mode()
    def chances(self, vectors: Iterable[Tensor], *, clips: int) -> NDArray[np.float64]:
        """Probabilities along one video, (N, K + 1) with background first, or (N, K).

        Args:
            vectors: of its clips in order, in blocks (n, D); the state is carried on from each
                block to the next, so that how they are cut changes nothing.
            clips: N, how many there are in all.
        """
        device = next(self.head.parameters()).device
        # One array from the beginning: many small ones between the encoder's large and short-lived
        # tensors would keep the allocator from giving their memory back.
        found = np.empty((clips, self.head.last.out_features))
        state: State | None = None
        at = 0
        for block in vectors:
            steps = block.to(device, torch.float32)[None]
            prediction = self.head(Features(steps[:, 0], steps), state)
            state = prediction.state
            found[at : at + len(block)] = self.head.chances(prediction.votes)[0].cpu().numpy()
            at += len(block)
        if at != clips:
            raise ValueError(f"{at} vectors for {clips} clips")
        return found

    def save(self, folder: Path) -> Path:
        """Write it to a new folder, whole or not at all."""
        about = {
            "labels": list(self.labels),
            "assume": self.assume,
            "frames": self.frames,
            "size": list(self.size),
            "precision": self.precision,
            "trained": list(self.trained),
            "tested": list(self.tested),
        }
        return save_module(self.head, folder, kind=KIND, about=about)


def load_detector(folder: Path) -> Detector:
    """The detector that was saved in `folder`.

    Raises:
        InputError: where there is none, or its config is not as it is written.
    """
    if not (folder / "config.json").is_file():
        raise InputError(f"{str(folder)!r} holds no detector; expected a run of detect train")
    head = load_module(folder, kind=KIND, expected=ActivityDetector)
    config = read_config(folder, kind=KIND)
    try:
        found = _described(head, config)
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(f"config in {str(folder)!r} is no detector's ({error!r})") from None
    known = found.assume in get_args(Assume) and found.precision in get_args(Precision)
    if len(found.labels) != head.classes or not known:
        raise InputError(f"config in {str(folder)!r} does not fit its {head.classes} activities")
    return found


def _described(head: ActivityDetector, config: dict[str, Any]) -> Detector:
    height, width = config["size"]
    return Detector(
        head=head,
        labels=tuple(map(str, config["labels"])),
        assume=cast(Assume, config["assume"]),
        frames=int(config["frames"]),
        size=(int(height), int(width)),
        precision=cast(Precision, current_precision(config["precision"])),
        trained=tuple(map(str, config["trained"])),
        tested=tuple(map(str, config["tested"])),
    )


def detector_folders(run: Path) -> list[Path]:
    """Where the detectors of a run lie, that of each fold; of a run of one split there is one.

    Raises:
        InputError: where `run` is no finished run of detect train.
    """
    places = RunFolder(run).folds or (run,)
    # An encoder is the last thing to be written: one for all folds, or one for each.
    if not all((encoder_under(place / KIND, run) / "encoder").is_dir() for place in places):
        raise InputError(f"{str(run)!r} is no finished run; expected one of selfvid detect train")
    if not all((place / KIND).is_dir() for place in places):
        raise InputError(f"{str(run)!r} holds no detector; expected a run of detect train")
    return [place / KIND for place in places]


def encoder_under(detector: Path, run: Path) -> Path:
    """Where the encoder lies whose vectors the detector in a folder of `run` reads."""
    own = detector.parent
    return own if (own / "encoder").is_dir() else run


def load_encoders(folder: Path | str) -> list[Encoder]:
    """The encoder in `folder`; of a run of several folds those of all, in their order.

    Raises:
        InputError: where there is none.
    """
    return [load_encoder(place) for place in RunFolder(folder).encoders]


def save_encoders(encoders: Sequence[Encoder], run: RunFolder) -> None:
    """Write what was not written yet: one for the whole run, or one for each fold."""
    several = len(encoders) > 1
    for number, encoder in enumerate(encoders, start=1):
        place = RunFolder(run.fold(number)).encoder if several else run.encoder
        if not place.exists():
            encoder.cpu().save(place)


def check_unseen(
    encoders: Sequence[Encoder], corpus: Corpus, parts: Sequence[Part], *, source: Path | str
) -> None:
    """Refuse encoders of folds that are other folds than those of the detector.

    Args:
        encoders: one for all parts, or one for each.
        corpus: all videos.
        parts: the detector's.
        source: where the encoders come from.

    Raises:
        InputError: where their numbers differ, or an encoder was taught the labels of what its
            part tests.
    """
    if len(encoders) == 1:
        return
    if len(encoders) != len(parts):
        raise InputError(
            f"encoder {str(source)!r} has {len(encoders)} folds and the annotations have "
            f"{len(parts)}; expected as many"
        )
    for number, (encoder, part) in enumerate(zip(encoders, parts, strict=True), start=1):
        taught = set(encoder.provenance.labelled)
        known = [corpus.recordings[at] for at in part.test if corpus.recordings[at].id in taught]
        if known:
            raise InputError(
                f"fold {number} of encoder {str(source)!r} was taught the labels of "
                f"{known[0].video.name!r}, which fold {number} of the annotations tests; expected "
                "the same groups, labels, folds and seed in both"
            )
