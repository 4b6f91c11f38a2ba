"""Clips of what an encoder eats: pixels of the videos, or their flow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.video.decode import DecoderName
from selfvid.data.flow.clips import FlowClipDataset
from selfvid.data.flow.folder import FlowFolder
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.clips.sampling import Sampling
from selfvid.encoders.base import Encoder
from selfvid.errors import InputError

DEFAULT_SIZE = (64, 64)
MOST_WORKERS = 8


def clip_dataset(
    manifest: Manifest,
    sampling: Sampling,
    encoder: Encoder,
    *,
    flow: Path | str | None,
    size: tuple[int, int] | None,
    decoder: DecoderName,
    decoded: Path | str | None = None,
    **more: Any,
) -> ClipDataset:
    """Clips cut from the videos of a manifest.

    Args:
        manifest: the videos.
        sampling: which frames, or fields, make the clips.
        encoder: who eats them.
        flow: folder of the videos' flow, for an encoder that eats flow.
        size: (H, W) of the frames; by default 64x64, and of flow what is there.
        decoder: who decodes pixels.
        decoded: folder where decoded frames are kept.
        more: as in `ClipDataset`.

    Raises:
        InputError: where flow is given to an encoder of pixels, or not to one of flow, or both
            flow and `decoded` are given; otherwise as the data sets say.
    """
    check_diet(encoder, flow)
    if flow is None:
        more |= {"decoder": decoder, "decoded": decoded}
        return ClipDataset(manifest, sampling, size=size or DEFAULT_SIZE, **more)
    if decoded is not None:
        raise InputError(f"decoded is {str(decoded)!r} but clips are flow; expected null")
    return FlowClipDataset(
        manifest,
        sampling,
        flow=FlowFolder(flow),
        ways="both" if encoder.eats == 4 else "forward",
        size=size,
        **more,
    )


def check_diet(encoder: Encoder, flow: Path | str | None) -> None:
    """Refuse pixels for an encoder of flow, and the other way round.

    Raises:
        InputError: saying which is needed.
    """
    if flow is None and encoder.eats != 3:
        raise InputError(
            "the encoder eats flow, flow is null; expected a folder that selfvid flow wrote"
        )
    if flow is not None and encoder.eats == 3:
        raise InputError(
            f"flow is {str(flow)!r} but the encoder eats pixels; expected an encoder whose input "
            "is FlowStack, FlowImage or FlowFields"
        )


def pair(size: int | Sequence[int] | None) -> tuple[int, int] | None:
    """H and W of a size that may be one number for both.

    Raises:
        InputError: where it is neither that nor two positive numbers.
    """
    if size is None:
        return None
    found = (size, size) if isinstance(size, int) else tuple(size)
    if len(found) != 2 or min(found) < 1:
        raise InputError(f"size must be one positive number or H and W, got {size}")
    return found[0], found[1]


def spare_workers() -> int:
    """Loading processes beside one that trains."""
    return max(1, min(MOST_WORKERS, (os.cpu_count() or 1) - 1))
