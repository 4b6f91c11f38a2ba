"""Splits of a manifest into training and test rows that share no video and no group.

A *group* is a set of rows that must be on the same side of every split, for example videos of one
person. A *fold* is one of several splits whose test parts together cover all rows.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from selfvid.data.manifest.manifest import Manifest
from selfvid.errors import InputError

logger = logging.getLogger(__name__)

_FOLDS = 5  # the usual number: each fold trains on 80 % of the rows
FOLD_COLUMN = "fold"
"""The column of a manifest that says in which fold each row is tested."""


# What to do with a split that others published and that must stay as it is.
_PUBLISHED = ", or for a published split `selfvid index` with --near_duplicates false"


@dataclass(frozen=True, eq=False, repr=False)
class Fold:
    """One division of a manifest into two parts; rows in neither part are not used.

    Attributes:
        train: indices of the training rows in the manifest, int64 (N,).
        test: indices of the test rows, int64 (M,); they share no group with `train`.
        name: "split" for the split that the manifest gives, else "fold 1 of 5" and so on; folds of
            the manifest's column fold have the names that they have there, "fold a of 5".
    """

    train: np.ndarray
    test: np.ndarray
    name: str

    def __repr__(self) -> str:
        return f"Fold({self.name}: {len(self.train)} train, {len(self.test)} test)"


def folds(
    manifest: Manifest, *, column: str = "label", folds: int | None = None, seed: int = 0
) -> list[Fold]:
    """Return the manifest's own split or folds, or else folds by group, balanced by label.

    The manifest's own split is in its column split. Its own folds are in its column fold, which
    says in which fold each row is tested; the fold trains on all other rows.

    Args:
        manifest: usable rows only, each with a label.
        column: the column of the labels.
        folds: number of folds, if the manifest has no split and no folds of its own; None means 5.
        seed: seed of the random choice of folds.

    Returns:
        Folds without leaks; each tests only classes that it trains on.

    Raises:
        InputError: If there are fewer groups than folds, `folds` is given although the manifest
            has its own split or folds, it has both, a class is in too few groups to be in both
            parts, its split or a fold leaks, or its split has other names than train, test and
            val.
    """
    manifest.require_labels(column)
    fixed, own = own_split(manifest), own_folds(manifest)
    if fixed is not None and own:
        raise InputError(
            "the manifest has a split and folds of its own; expected one of the columns split and "
            f"{FOLD_COLUMN} to be empty"
        )
    if folds is not None and (fixed is not None or own):
        called, emptied = ("a split", "split") if fixed is not None else ("folds", FOLD_COLUMN)
        raise InputError(
            f"folds is {folds} and the manifest has {called} of its own; expected one of the two: "
            f"leave folds out, or empty the column {emptied}"
        )
    if fixed is not None:
        parts = [fixed]
        _warn_of_unused(manifest, fixed)
    else:
        parts = own or _group_folds(manifest, column, _FOLDS if folds is None else folds, seed)
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
    """Raise an InputError if anything is on both sides of `fold`; the message names it.

    This may be a group, a content id, or videos that are near duplicates of each other.
    """
    kinds = (
        ("group {!r} is", [row.group for row in manifest.rows], ""),
        ("the same content {} is", [row.video for row in manifest.rows], ""),
        ("near duplicates of {} are", manifest.groups.tolist(), _PUBLISHED),
    )
    for words, keys, hint in kinds:
        train = {keys[at]: manifest.rows[at].path for at in fold.train}
        test = {keys[at]: manifest.rows[at].path for at in fold.test}
        both = (set(train) & set(test)) - {""}
        if both:
            shared = min(both)
            raise InputError(
                f"{words.format(shared)} on both sides of {fold.name} (train: {train[shared]}, "
                f"test: {test[shared]}); expected all of it on one side{hint}"
            )


def own_split(manifest: Manifest) -> Fold | None:
    """Return the fold that the column split gives, or None if it has fewer than two values.

    Raises:
        InputError: If the column has other values than train, test and val, or lacks one part.
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
            f"column 'split' contains {', '.join(sorted(places))}; expected train and test (or val)"
        )
    return Fold(np.array(places["train"]), np.array(places[test]), "split")


def own_folds(manifest: Manifest) -> list[Fold]:
    """Return the folds of the column fold; none if there is no such column or it is empty.

    Folds are in the order of their names; numbers are ordered as numbers.

    Raises:
        InputError: If a row has no fold although others have one, or all are in the same.
    """
    texts = [row.columns.get(FOLD_COLUMN, "") for row in manifest.rows]
    if not any(texts):
        return []
    if not all(texts):
        row = manifest.rows[texts.index("")]
        raise InputError(
            f"{row.path} has no {FOLD_COLUMN}, and other rows have one; expected the fold that "
            "tests it, or an empty column"
        )
    names = manifest.classes(FOLD_COLUMN)
    if len(names) < 2:
        raise InputError(
            f"column {FOLD_COLUMN!r} contains only {names[0]!r}; expected two folds or more"
        )
    place = np.array([names.index(text) for text in texts])
    return [
        Fold(
            np.flatnonzero(place != at), np.flatnonzero(place == at), f"fold {name} of {len(names)}"
        )
        for at, name in enumerate(names)
    ]


def _warn_of_unused(manifest: Manifest, fold: Fold) -> None:
    """Log how many rows the manifest's own split uses neither for training nor for testing."""
    used = {*fold.train.tolist(), *fold.test.tolist()}
    unused = Counter(row.split for at, row in enumerate(manifest.rows) if at not in used)
    if unused:
        counts = ", ".join(f"{count} with split {name!r}" for name, count in unused.items())
        logger.warning("rows that are neither trained nor tested on: %s", counts)


def _group_folds(manifest: Manifest, column: str, folds: int, seed: int) -> list[Fold]:
    # scikit-learn takes a second to import, which is not needed for reading a manifest.
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
        # A class with fewer rows than folds is missing from some test parts, which is no error.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        parts = list(splitter.split(labels, labels, groups))
    return [
        Fold(train, test, f"fold {number} of {folds}")
        for number, (train, test) in enumerate(parts, start=1)
    ]
