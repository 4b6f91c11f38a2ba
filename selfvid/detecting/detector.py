"""A trained detector: applying it to a video's vectors, and saving and loading it."""

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
    """A detection head with everything that is needed to use it.

    Attributes:
        head: the network, in evaluation mode.
        labels: names of the K activities.
        assume: whether a video shows one activity, one at a time, or several that overlap.
        frames: T, the frames of a clip.
        size: (H, W) of a frame.
        precision: precision of the encoder's arithmetic.
        trained: names of the training videos.
        tested: names of the test videos.
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
        """Return the probabilities of each clip of one video.

        Args:
            vectors: the vectors of the video's clips in order, in blocks (n, D). The state is
                carried from each block to the next, so the size of the blocks changes nothing.
            clips: N, the number of clips.

        Returns:
            (N, K + 1) with background first, or (N, K) if activities may overlap.
        """
        device = next(self.head.parameters()).device
        # One array from the beginning: many small arrays between the encoder's large, short-lived
        # tensors would prevent the allocator from returning their memory.
        chances = np.empty((clips, self.head.last.out_features))
        state: State | None = None
        done = 0
        for block in vectors:
            steps = block.to(device, torch.float32)[None]  # (1, n, D)
            prediction = self.head(Features(steps[:, 0], steps), state)
            state = prediction.state
            own = self.head.chances(prediction.votes)[0]  # (n, K + 1) or (n, K)
            chances[done : done + len(block)] = own.cpu().numpy()
            done += len(block)
        if done != clips:
            raise ValueError(f"{done} vectors for {clips} clips")
        return chances

    def save(self, folder: Path) -> Path:
        """Write the detector to a new folder, completely or not at all."""
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
    """Return the detector that was saved in `folder`.

    Raises:
        InputError: If there is none, or its config is damaged.
    """
    if not (folder / "config.json").is_file():
        raise InputError(f"{str(folder)!r} contains no detector; expected a run of detect train")
    head = load_module(folder, kind=KIND, expected=ActivityDetector)
    config = read_config(folder, kind=KIND)
    try:
        detector = _described(head, config)
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(f"config in {str(folder)!r} is no detector's ({error!r})") from None
    valid = detector.assume in get_args(Assume) and detector.precision in get_args(Precision)
    if len(detector.labels) != head.classes or not valid:
        raise InputError(f"config in {str(folder)!r} does not fit its {head.classes} activities")
    return detector


def detector_folders(run: Path) -> list[Path]:
    """Return the folders of a run's detectors: one for each fold, or one for a single split.

    Raises:
        InputError: If `run` is not a finished run of detect train.
    """
    places = RunFolder(run).folds or (run,)
    # Training writes the encoder last: one for all folds, or one for each.
    if not all((encoder_under(place / KIND, run) / "encoder").is_dir() for place in places):
        raise InputError(f"{str(run)!r} is no finished run; expected one of selfvid detect train")
    if not all((place / KIND).is_dir() for place in places):
        raise InputError(f"{str(run)!r} contains no detector; expected a run of detect train")
    return [place / KIND for place in places]


def encoder_under(detector: Path, run: Path) -> Path:
    """Return the folder with the encoder of a detector: its own, or the one of the whole run.

    Args:
        detector: folder of the detector.
        run: folder of the run that it belongs to.
    """
    own = detector.parent
    return own if (own / "encoder").is_dir() else run


def load_encoders(folder: Path | str) -> list[Encoder]:
    """Return the encoder in `folder`; for a run with several folds, the encoder of each fold.

    Raises:
        InputError: If there is none.
    """
    return [load_encoder(place) for place in RunFolder(folder).encoders]


def save_encoders(encoders: Sequence[Encoder], run: RunFolder) -> None:
    """Write one encoder for the whole run, or one for each fold, unless it is written already."""
    several = len(encoders) > 1
    for number, encoder in enumerate(encoders, start=1):
        place = RunFolder(run.fold(number)).encoder if several else run.encoder
        if not place.exists():
            encoder.cpu().save(place)


def check_unseen(
    encoders: Sequence[Encoder], corpus: Corpus, parts: Sequence[Part], *, source: Path | str
) -> None:
    """Check that the folds of the encoders are the folds of the detector.

    Args:
        encoders: one encoder for all folds, or one for each fold.
        corpus: all videos.
        parts: the folds of the detector.
        source: where the encoders come from, for messages.

    Raises:
        InputError: If their numbers differ, or an encoder was trained with the labels of a test
            video of its fold.
    """
    if len(encoders) == 1:
        return
    if len(encoders) != len(parts):
        raise InputError(
            f"encoder {str(source)!r} has {len(encoders)} folds and the annotations have "
            f"{len(parts)}; expected as many"
        )
    for number, (encoder, part) in enumerate(zip(encoders, parts, strict=True), start=1):
        labelled = set(encoder.provenance.labelled)
        tested = [corpus.recordings[place] for place in part.test]
        leaks = [recording for recording in tested if recording.id in labelled]
        if leaks:
            raise InputError(
                f"fold {number} of encoder {str(source)!r} was trained with the labels of "
                f"{leaks[0].video.name!r}, which is a test video in fold {number} of the "
                "annotations; expected the same groups, labels, folds and seed in both"
            )


def _described(head: ActivityDetector, config: dict[str, Any]) -> Detector:
    """Return the detector that a config describes."""
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
