"""Splits of a manifest into what is trained on and what is tested on, safe from leaks."""

from __future__ import annotations

import logging
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from selfvid.data.manifest.manifest import Manifest
from selfvid.errors import InputError

logger = logging.getLogger(__name__)

FOLDS = 5


@dataclass(frozen=True, eq=False, repr=False)
class Fold:
    """One way to part a manifest; rows in neither part are left out.

    Attributes:
        train: indices into the manifest's rows, int64 (N,).
        test: likewise, sharing no group with `train`.
        name: "split" for the one that the manifest gives, else "fold 1 of 5" and so on.
    """

    train: np.ndarray
    test: np.ndarray
    name: str

    def __repr__(self) -> str:
        return f"Fold({self.name}: {len(self.train)} train, {len(self.test)} test)"


def folds(
    manifest: Manifest, *, column: str = "label", folds: int | None = None, seed: int = 0
) -> list[Fold]:
    """The manifest's own split where it has one, else folds by group, balanced by label.

    Args:
        manifest: usable rows only, every one with a label.
        column: where the labels stand.
        folds: how many, where the manifest has no split of its own; None takes 5.
        seed: which of the possible folds.

    Returns:
        Folds without leaks, each testing only classes that it trains on.

    Raises:
        InputError: where there are fewer groups than folds, folds are asked for beside the
            manifest's own split, a class is in too few groups to be
            trained and tested on, or the manifest's own split leaks or is no split.
    """
    manifest.require_labels(column)
    fixed = own_split(manifest)
    if fixed is not None and folds is not None:
        raise InputError(
            f"folds is {folds} and the manifest has a split of its own; expected one of the two: "
            "leave folds out, or empty the column split"
        )
    parts = (
        [fixed]
        if fixed is not None
        else _group_folds(manifest, column, FOLDS if folds is None else folds, seed)
    )
    if fixed is not None:
        _tell_unused(manifest, fixed)
    texts = manifest.column(column)
    for fold in parts:
        check_no_leak(manifest, fold)
        unseen = {texts[at] for at in fold.test} - {texts[at] for at in fold.train}
        if unseen:
            raise InputError(
                f"{column} {min(unseen)!r} is only in the test part of {fold.name}; expected every "
                f"{column} in at least two groups and on both sides of a split"
            )
    return parts


def check_no_leak(manifest: Manifest, fold: Fold) -> None:
    """Raise an InputError that names what stands on both sides of `fold`, if anything does.

    That is a group, a content id, or videos that are near duplicates of each other.
    """
    kinds = (
        ("group {!r} is", [row.group for row in manifest.rows]),
        ("the same content {} is", [row.video for row in manifest.rows]),
        ("near duplicates of {} are", manifest.groups.tolist()),
    )
    for words, keys in kinds:
        train = {keys[at]: manifest.rows[at].path for at in fold.train}
        test = {keys[at]: manifest.rows[at].path for at in fold.test}
        both = (set(train) & set(test)) - {""}
        if both:
            shared = min(both)
            raise InputError(
                f"{words.format(shared)} on both sides of {fold.name} (train: {train[shared]}, "
                f"test: {test[shared]}); expected what belongs together on one side"
            )


def own_split(manifest: Manifest) -> Fold | None:
    """The fold that the column split gives, or None where it parts nothing.

    Raises:
        InputError: where it parts the rows into other than training and test.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(manifest.rows):
        if row.split:
            places[row.split].append(at)
    if len(places) < 2:
        return None
    test = "test" if "test" in places else "val"
    if "train" not in places or test not in places or set(places) - {"train", "val", "test"}:
        raise InputError(
            f"column 'split' holds {', '.join(sorted(places))}; expected train and test (or val)"
        )
    return Fold(np.array(places["train"]), np.array(places[test]), "split")


def _tell_unused(manifest: Manifest, fold: Fold) -> None:
    used = {*fold.train.tolist(), *fold.test.tolist()}
    unused = Counter(row.split for at, row in enumerate(manifest.rows) if at not in used)
    if unused:
        told = ", ".join(f"{count} with split {name!r}" for name, count in unused.items())
        logger.warning("rows that are neither trained nor tested on: %s", told)


def _group_folds(manifest: Manifest, column: str, folds: int, seed: int) -> list[Fold]:
    # scikit-learn takes a second to import, which reading a manifest can do without.
    from sklearn.model_selection import StratifiedGroupKFold

    if folds < 2:
        raise InputError(f"folds is {folds}; expected 2 or more")
    labels, groups = manifest.labels(column), manifest.groups
    if len(set(groups)) < folds:
        raise InputError(
            f"folds is {folds} and the footage has {len(set(groups))} groups; expected at least "
            "as many groups as folds"
        )
    most = int(np.bincount(labels).max())
    if most < folds:
        raise InputError(
            f"folds is {folds} and the largest class has {most} rows; expected at most {most} folds"
        )
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class with fewer rows than folds is missing from some test parts, which is no fault.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        parts = list(splitter.split(labels, labels, groups))
    return [
        Fold(train, test, f"fold {number} of {folds}")
        for number, (train, test) in enumerate(parts, start=1)
    ]
