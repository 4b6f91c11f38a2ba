"""How a fold's single clips were named, kept beside its scores."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from selfvid.finetuning.testing import ClipHits
from selfvid.errors import InputError
from selfvid.saving.whole import write_whole

CLIP_HITS = "clip_hits.json"


def write_clip_hits(hits: ClipHits, folder: Path) -> Path:
    """Write them into a fold's folder, whole or not at all."""
    return write_whole(folder / CLIP_HITS, json.dumps(dataclasses.asdict(hits)) + "\n")


def read_clip_hits(folder: Path) -> ClipHits:
    """Those that a fold left.

    Raises:
        InputError: where there are none.
    """
    path = folder / CLIP_HITS
    try:
        plain = json.loads(path.read_text())
        return ClipHits(int(plain["clips"]), int(plain["right"]))
    except (OSError, ValueError, LookupError, TypeError):
        raise InputError(
            f"{str(path)!r} does not say how clips were named; expected what selfvid finetune left"
        ) from None
