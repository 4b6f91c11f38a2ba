"""The clips that an encoder is given: as in its training, unless an option says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from selfvid.data.clips.sampling import DenseClips, EvenClips, Sampling, Short, WholeVideo
from selfvid.data.flow.clips import Ways
from selfvid.data.flow.origin import EXPECTED, FlowOrigin, FlowReading, open_flow
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
    """Return the rule that cuts clips from a video.

    Args:
        provenance: the clips that the encoder was trained on.
        clips: ``whole`` spreads the frames of one clip evenly over the whole video; a number cuts
            that many clips, spread evenly over the video; ``dense`` cuts consecutive windows.
        frames: T; None takes the encoder's.
        stride: frames of the video from one frame of a clip to the next; None takes the
            encoder's.
        fps: frames per second of a clip, instead of a stride; None takes the encoder's.
        hop: frames of the video from one dense window to the next; None places windows end to
            end.
        short: what happens to videos that are shorter than a clip; None repeats their last frame.

    Raises:
        InputError: If T is not known, or an option has no meaning for these clips.
    """
    length = provenance.frames if frames is None else frames
    if length is None:
        raise InputError(
            "the encoder does not say how many frames its clips had in training; "
            "expected --frames N"
        )
    if clips == "whole":
        _check_unset("clips whole", stride=stride, fps=fps, hop=hop, short=short)
        return WholeVideo(frames=length)
    as_in_training = stride is None and fps is None
    stride = (provenance.stride if as_in_training else stride) or 1
    fps = provenance.fps if as_in_training else fps
    short = short or "repeat_last"
    if clips == "dense":
        hop = length * stride if hop is None else hop
        return DenseClips(frames=length, stride=stride, fps=fps, short=short, hop=hop)
    if not isinstance(clips, int):
        raise InputError(f"clips is {clips!r}; expected whole, dense or a number")
    _check_unset(f"clips {clips}", hop=hop)
    return EvenClips(frames=length, stride=stride, fps=fps, short=short, clips=clips)


def choose_size(provenance: Provenance, size: int | tuple[int, int] | None) -> tuple[int, int]:
    """Return the (H, W) of frames.

    Args:
        provenance: the clips that the encoder was trained on.
        size: one number for height and width, or both; None takes the encoder's.

    Raises:
        InputError: If the size is not known, or not positive.
    """
    chosen = provenance.size if size is None else size
    if chosen is None:
        raise InputError(
            "the encoder does not say which frame size it was trained on; expected --size N"
        )
    height, width = (chosen, chosen) if isinstance(chosen, int) else chosen
    if min(height, width) < 1:
        raise InputError(f"size is {size}; expected at least 1 pixel")
    return int(height), int(width)


def choose_flow(
    encoder: Encoder, flow: FlowOrigin | Path | str | None, *, called: str = "the encoder"
) -> FlowReading | None:
    """Return the optical flow that an encoder reads; None for an encoder of pixels.

    Args:
        encoder: the encoder.
        flow: a folder that `selfvid flow` wrote, or an estimator; see `open_flow`.
        called: name of the encoder in the error message.

    Raises:
        InputError: If the encoder takes flow and there is none.
    """
    if encoder.in_channels == 3:
        return None
    ways: Ways = "forward" if encoder.in_channels == 2 else "both"
    if flow is None:
        both = "" if ways == "forward" else ", with flow in both directions"
        raise InputError(
            f"{called} takes optical flow of {encoder.in_channels} channels and flow is not given; "
            f"expected --flow with {EXPECTED}{both}"
        )
    return FlowReading(open_flow(flow), ways)


def _check_unset(clips: str, **options: object) -> None:
    """Check that options without a meaning for these `clips` are None."""
    for name, value in options.items():
        if value is not None:
            raise InputError(
                f"{name} is {value} but has no meaning with {clips}; expected it unset"
            )
