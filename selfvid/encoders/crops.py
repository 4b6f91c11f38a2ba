"""Crops of clips for models whose input must see whole frames first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from selfvid.encoders.base import Encoder
from selfvid.encoders.input import Input
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.errors import InputError

Cut = Callable[[Tensor], Tensor]
"""Cuts one crop, or several, of each clip: (B, T, C, H, W) to (B * V, T, C, h, w)."""


def on_crops(model: nn.Module, clip: Tensor, cut: Cut | None) -> Any:
    """Apply a model to crops; what its input computes of whole frames is computed before cutting.

    ::

        most inputs     clip ──▶ cut ──▶ input ──▶ network
        FlowStack       clip ──▶ input ──▶ cut ──▶ network

    So the mean displacement that a `FlowStack` subtracts is that of the whole field, and the paths
    that it follows do not end at the border of the crop (Simonyan and Zisserman, 2014).

    Args:
        model: an encoder, or a classifier with its encoder.
        clip: whole frames (B, T, C, H, W).
        cut: cuts crops of clips, or of stacks of flow fields; None takes whole frames.

    Returns:
        What the model returns for all crops, clip by clip.
    """
    if cut is None:
        return model(clip)
    layers = _whole_inputs(model)
    if not layers:
        return model(cut(clip))
    (layer,) = layers
    hook = layer.register_forward_hook(lambda _, __, stacks: cut(stacks))
    try:
        return model(clip)
    finally:
        hook.remove()


def cuts_input(encoder: nn.Module) -> bool:
    """Whether crops are cut from what the encoder's input makes of whole frames."""
    return bool(_whole_inputs(encoder))


def check_crops(encoder: Encoder) -> None:
    """Refuse an encoder that cannot take crops.

    Raises:
        InputError: If it is a `SlidingEncoder` whose input must see whole frames: its windows would
            be cut at different places.
    """
    sliding = any(isinstance(module, SlidingEncoder) for module in encoder.modules())
    if sliding and cuts_input(encoder):
        raise InputError(
            "crop is given and the encoder is a SlidingEncoder with FlowStack, whose mean is that "
            "of the whole field; expected the FrameEncoder alone, which has a step for each stack"
        )


def _whole_inputs(model: nn.Module) -> list[Input]:
    return [module for module in model.modules() if isinstance(module, Input) and module.whole]
