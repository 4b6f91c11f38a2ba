"""Whether an encoder was trained on test videos or on videos that resemble them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfvid.data.manifest.manifest import Manifest, Row


@dataclass(frozen=True)
class Footage:
    """How many test videos the encoder was trained on.

    Attributes:
        tested: number of test videos.
        seen: how many of them the encoder was trained on, directly or on a near duplicate.
        same_group: how many others share a group with a video that it was trained on.
        known: whether the encoder records what it was pretrained on.
        labels_seen: how many of the seen videos the encoder was trained on with their labels.
    """

    tested: int
    seen: int
    same_group: int
    known: bool
    labels_seen: int = 0

    @staticmethod
    def summed(parts: Sequence[Footage]) -> Footage:
        """Return the sum over several parts of the test videos."""
        return Footage(
            tested=sum(part.tested for part in parts),
            seen=sum(part.seen for part in parts),
            same_group=sum(part.same_group for part in parts),
            known=all(part.known for part in parts),
            labels_seen=sum(part.labels_seen for part in parts),
        )


def relate_footage(
    manifest: Manifest,
    tested: Sequence[Row],
    footage: Sequence[str],
    *,
    labelled: Sequence[str] = (),
    generated: str = "",
) -> Footage:
    """Count the test videos that an encoder was trained on.

    Args:
        manifest: all rows; near duplicates and groups may connect test videos with other rows.
        tested: the rows that are test videos.
        footage: content ids of the videos that the encoder was trained on.
        labelled: content ids of those whose labels it was trained with.
        generated: description of the generator of its clips, if it was pretrained on generated
            clips.
    """
    seen, labels_seen = _matching(manifest, footage), _matching(manifest, labelled)
    groups = manifest.groups
    near = np.isin(groups, groups[seen]) & ~seen
    test_rows = {(row.path, row.start, row.end) for row in tested}
    chosen = np.array([(row.path, row.start, row.end) in test_rows for row in manifest.rows])
    return Footage(
        tested=int(chosen.sum()),
        seen=int((seen & chosen).sum()),
        same_group=int((near & chosen).sum()),
        known=bool(footage or generated),
        labels_seen=int((labels_seen & chosen).sum()),
    )


def _matching(manifest: Manifest, ids: Sequence[str]) -> NDArray[np.bool_]:
    """Return which rows show one of the videos `ids`, or a near duplicate of one, (N,)."""
    wanted = set(ids)
    matching = np.array([row.video in wanted for row in manifest.rows])
    place = {row.path: at for at, row in enumerate(manifest.rows)}
    for at, row in enumerate(manifest.rows):
        twin = place.get(row.near_duplicate_of)
        if twin is not None:
            matching[[at, twin]] = matching[at] or matching[twin]
    return matching
