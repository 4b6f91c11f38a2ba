"""Whether an encoder has met the test videos before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfvid.data.manifest.manifest import Manifest, Row


@dataclass(frozen=True)
class Footage:
    """How the test videos relate to the footage of pretraining, in numbers of videos.

    Attributes:
        tested: test videos.
        seen: of them, those that the encoder was trained on, or near duplicates of them.
        same_group: of the others, those of a group that it was pretrained on a part of.
        known: whether the encoder says what it was pretrained on.
        labels_seen: of those that were seen, those whose labels the encoder was trained with.
    """

    tested: int
    seen: int
    same_group: int
    known: bool
    labels_seen: int = 0

    @staticmethod
    def summed(parts: Sequence[Footage]) -> Footage:
        """That of several parts of the test videos together."""
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
    """Count the test videos that an encoder has met.

    Args:
        manifest: all rows, for near duplicates and groups reach beyond the tested ones.
        tested: those of them that are test videos.
        footage: content ids that the encoder was trained on.
        labelled: those of them whose labels it was trained with.
        generated: what made the clips that it was pretrained on, where they came from no file.
    """
    seen, labels_seen = _known(manifest, footage), _known(manifest, labelled)
    groups = manifest.groups
    near = np.isin(groups, groups[seen]) & ~seen
    mine = {(row.path, row.start, row.end) for row in tested}
    chosen = np.array([(row.path, row.start, row.end) in mine for row in manifest.rows])
    return Footage(
        tested=int(chosen.sum()),
        seen=int((seen & chosen).sum()),
        same_group=int((near & chosen).sum()),
        known=bool(footage or generated),
        labels_seen=int((labels_seen & chosen).sum()),
    )


def _known(manifest: Manifest, ids: Sequence[str]) -> NDArray[np.bool_]:
    """Which rows are of these contents, or near duplicates of such."""
    wanted = set(ids)
    known = np.array([row.video in wanted for row in manifest.rows])
    place = {row.path: at for at, row in enumerate(manifest.rows)}
    for at, row in enumerate(manifest.rows):
        twin = place.get(row.near_duplicate_of)
        if twin is not None:
            known[[at, twin]] = known[at] or known[twin]
    return known
