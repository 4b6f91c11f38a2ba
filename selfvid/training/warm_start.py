"""Begin where an earlier encoder ended."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

from selfvid.encoders.base import Encoder, load_encoder
from selfvid.errors import InputError

logger = logging.getLogger(__name__)

LEAST_MATCH = 0.5


def warm_start(encoder: Encoder, folder: str | Path) -> None:
    """Copy the weights of the encoder in `folder` that fit into `encoder`.

    Where one of the two holds one encoder of the other's class inside, as a `SlidingEncoder`
    holds what it slides, the weights come from there, or go there. What the earlier encoder had
    seen counts as seen by this one.

    Raises:
        InputError: where less than half of the weights find a place.
    """
    earlier = load_encoder(folder)
    source, place = _within(earlier, type(encoder)), _within(encoder, type(earlier))
    theirs, ours = source.state_dict(), place.state_dict()
    matched = {k: v for k, v in theirs.items() if k in ours and ours[k].shape == v.shape}
    share = sum(ours[k].numel() for k in matched) / max(1, sum(v.numel() for v in ours.values()))
    fit = f"{len(matched)} of {len(ours)} tensors ({share:.0%} of the weights)"
    if share < LEAST_MATCH:
        raise InputError(
            f"only {fit} of the encoder in {str(folder)!r} fit this one; "
            f"expected at least {LEAST_MATCH:.0%}"
        )
    place.load_state_dict({**ours, **matched})
    past = earlier.provenance
    encoder.provenance = dataclasses.replace(
        encoder.provenance, footage=past.footage, labelled=past.labelled
    )
    logger.info("warm start: %s, %d left over", fit, len(theirs) - len(matched))


def _within(encoder: Encoder, kind: type[Encoder]) -> Encoder:
    """The one encoder inside `encoder` that is of a kind, or `encoder` itself."""
    inside = [module for module in encoder.modules() if type(module) is kind]
    return inside[0] if type(encoder) is not kind and len(inside) == 1 else encoder
