"""How clips are cut for an encoder, unless told otherwise: as it is used to."""

from __future__ import annotations

from typing import Literal

from selfvid.data.clips.sampling import DenseClips, EvenClips, Sampling, Short, WholeVideo
from selfvid.encoders.base import Encoder, Provenance
from selfvid.errors import InputError

Clips = int | Literal["whole", "dense"]


def choose_sampling(
    provenance: Provenance,
    *,
    clips: Clips = "whole",
    frames: int | None = None,
    stride: int | None = None,
    fps: float | None = None,
    hop: int | None = None,
    short: Short | None = None,
) -> Sampling:
    """A rule for cutting clips.

    Args:
        provenance: what the encoder is used to.
        clips: ``whole`` spreads the frames of one clip over the whole video; a number cuts so
            many clips evenly spread along it; ``dense`` cuts windows all along.
        frames: T; None takes the encoder's.
        stride: frames of the video from one frame of a clip to the next; None takes the
            encoder's.
        fps: frames per second of a clip, in place of a stride; None takes the encoder's.
        hop: frames of the video from one window to the next; None sets windows end to end.
        short: what happens to videos shorter than a clip; None repeats their last frame.

    Raises:
        InputError: where T is not known, or an option has no meaning for these clips.
    """
    length = provenance.frames if frames is None else frames
    if length is None:
        raise InputError(
            "the encoder does not say how many frames it is used to; expected --frames N"
        )
    if clips == "whole":
        _unused("clips whole", stride=stride, fps=fps, hop=hop, short=short)
        return WholeVideo(frames=length)
    own = stride is None and fps is None
    stride = (provenance.stride if own else stride) or 1
    fps = provenance.fps if own else fps
    short = short or "repeat_last"
    if clips == "dense":
        hop = length * stride if hop is None else hop
        return DenseClips(frames=length, stride=stride, fps=fps, short=short, hop=hop)
    if not isinstance(clips, int):
        raise InputError(f"clips is {clips!r}; expected whole, dense or a number")
    _unused(f"clips {clips}", hop=hop)
    return EvenClips(frames=length, stride=stride, fps=fps, short=short, clips=clips)


def check_eats_pixels(encoder: Encoder) -> None:
    """Refuse an encoder of flow where videos are decoded.

    Raises:
        InputError: naming what it takes.
    """
    if encoder.in_channels != 3:
        raise InputError(
            f"the encoder takes flow of {encoder.in_channels} channels; expected one of pixels, "
            "or selfvid finetune with --flow"
        )


def choose_size(provenance: Provenance, size: int | tuple[int, int] | None) -> tuple[int, int]:
    """(H, W) of frames; one number is both, None takes the encoder's.

    Raises:
        InputError: where the size is not known or not positive.
    """
    chosen = provenance.size if size is None else size
    if chosen is None:
        raise InputError(
            "the encoder does not say which frame size it is used to; expected --size N"
        )
    height, width = (chosen, chosen) if isinstance(chosen, int) else chosen
    if min(height, width) < 1:
        raise InputError(f"size is {size}; expected at least 1 pixel")
    return int(height), int(width)


def _unused(what: str, **options: object) -> None:
    for name, value in options.items():
        if value is not None:
            raise InputError(f"{name} is {value} but has no meaning with {what}; expected it unset")
