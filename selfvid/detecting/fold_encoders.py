"""The encoder under a detector: one for all folds, or of a run of several folds that of each.

An encoder that was trained with labels fold by fold has learnt from the test videos of all folds
but its own, so that only its own fold's detector may stand on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from selfvid.encoders.base import Encoder, load_encoder
from selfvid.training.run_folder import RunFolder
from selfvid.errors import InputError
from selfvid.detecting.corpus import Corpus, Part


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
