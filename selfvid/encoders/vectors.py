"""Clips as sequences of frame vectors: what a recurrent network over frames in_channels.

A clip may be seen in several parts, patches of its frames, each a sequence of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import Input, PixelInput
from selfvid.errors import InputError
from selfvid.saving.recorded import Recorded


class FrameVectors(Recorded, nn.Module, ABC):
    """Maps clips (B, T, 3, H, W), pixels 0 to 255, to vectors (B, P, S, D) of P parts.

    Attributes:
        width: D.
        window: frames that one vector sees; S = T - window + 1.
        in_channels: C of the clips, as `Encoder` has it.
        unit: whether every value lies in 0..1, as cross-entropy asks of a target.
        picture_shape: C, H and W of the picture that a vector is, or None where it is none.
    """

    width: int
    window: int = 1
    in_channels: int = 3
    unit: bool = False
    picture_shape: tuple[int, int, int] | None = None

    @abstractmethod
    def forward(self, clip: Tensor) -> Tensor:
        """Vectors (B, P, S, D) of a clip (B, T, 3, H, W), uint8 or float 0 to 255."""

    def picture(self, vectors: Tensor) -> Tensor:
        """Vectors (..., D) as pictures for the eye, (..., 3, H, W) in 0..1.

        Raises:
            InputError: where vectors of this kind are no pictures.
        """
        if self.picture_shape is None:
            raise InputError(f"vectors of {type(self).__name__} are no pictures")
        pixels = vectors.unflatten(-1, self.picture_shape).float()
        # Differences and flow are around zero: grey is where nothing moves.
        shown = pixels if self.unit else pixels / 4 + 0.5
        if shown.shape[-3] == 2:  # x in red, y in green
            shown = torch.cat((shown, torch.full_like(shown[..., :1, :, :], 0.5)), -3)
        return shown.clamp(0, 1).expand(*pixels.shape[:-3], 3, *pixels.shape[-2:])


class FlatFrames(FrameVectors):
    """The pixels of each frame, or what `input` makes of them, in one row.

    Args:
        size: H and W of the frames.
        input: pixels to what is laid out; None takes grey pixels in 0..1. `DifferenceInput` is
            what moved and nothing else.

    Raises:
        InputError: where the size is not positive; of a clip of another size.
    """

    def __init__(self, size: Sequence[int] = (64, 64), *, input: Input | None = None) -> None:
        super().__init__()
        self.size = _checked_size(size)
        self.input = _unscaled_grey() if input is None else input
        self.window, self.unit = self.input.window, _is_unit(self.input)
        self.in_channels = self.input.in_channels
        self.picture_shape = (self.input.channels, *self.size)
        self.width = self.input.channels * self.size[0] * self.size[1]

    def forward(self, clip: Tensor) -> Tensor:
        """Vectors (B, 1, S, C * H * W)."""
        if tuple(clip.shape[-2:]) != self.size:
            raise InputError(
                f"frames are {tuple(clip.shape[-2:])}; FlatFrames expected {self.size} (H, W)"
            )
        return _within(self.input(clip), self.unit).flatten(2).unsqueeze(1)


class FlatPatches(FrameVectors):
    """Square patches of the frames: at random while training, all side by side in use.

    In training one patch of each clip is taken, at the same place in all its frames (Srivastava
    et al. train on random 32x32 patches); in use the patches that fit side by side in the middle
    of the frame are its parts.

    Args:
        side: of a patch, in pixels.
        input: pixels to what is laid out; None takes colours in 0..1.

    Raises:
        InputError: where the side is not positive; of frames that are smaller.
    """

    def __init__(self, side: int = 32, *, input: Input | None = None) -> None:
        super().__init__()
        (self.side, _) = _checked_size((side, side))
        self.input = _unscaled_colour() if input is None else input
        self.window, self.unit = self.input.window, _is_unit(self.input)
        self.in_channels = self.input.in_channels
        self.picture_shape = (self.input.channels, side, side)
        self.width = self.input.channels * side * side

    def forward(self, clip: Tensor) -> Tensor:
        """Vectors (B, P, S, C * side * side); P is 1 while training."""
        if min(clip.shape[-2:]) < self.side:
            raise InputError(
                f"frames are {tuple(clip.shape[-2:])}; FlatPatches expected at least "
                f"{self.side} on each side"
            )
        patches = self._one_each(clip)[:, None] if self.training else self._side_by_side(clip)
        batch, parts = patches.shape[:2]
        frames = _within(self.input(patches.flatten(0, 1)), self.unit)
        return frames.flatten(2).unflatten(0, (batch, parts))

    def _one_each(self, clip: Tensor) -> Tensor:
        """One random patch of each clip, (B, T, 3, side, side)."""
        height, width = clip.shape[-2:]
        tops = torch.randint(height - self.side + 1, (len(clip),)).tolist()
        lefts = torch.randint(width - self.side + 1, (len(clip),)).tolist()
        return torch.stack(
            [
                frames[..., top : top + self.side, left : left + self.side]
                for frames, top, left in zip(clip, tops, lefts, strict=True)
            ]
        )

    def _side_by_side(self, clip: Tensor) -> Tensor:
        """All patches that fit, (B, P, T, 3, side, side), row by row."""
        rows, columns = (length // self.side for length in clip.shape[-2:])
        top = (clip.shape[-2] - rows * self.side) // 2
        left = (clip.shape[-1] - columns * self.side) // 2
        middle = clip[..., top : top + rows * self.side, left : left + columns * self.side]
        tiled = middle.unflatten(-2, (rows, self.side)).unflatten(-1, (columns, self.side))
        # (B, T, 3, rows, side, columns, side) to (B, rows, columns, T, 3, side, side)
        return tiled.permute(0, 3, 5, 1, 2, 4, 6).flatten(1, 2)


class Percepts(FrameVectors):
    """What a network sees in each frame.

    Args:
        encoder: the network, frame by frame.
        frozen: whether its weights stay as they are; then it also runs in evaluation mode.
        squash: values x become 2 / (1 + exp(-squash * x)) - 1, which brings those that are never
            negative into 0..1, for cross-entropy (Srivastava et al. take 2); None leaves them.

    Raises:
        InputError: where the encoder puts out no step vectors, or squash is not positive.
    """

    def __init__(
        self, encoder: FrameEncoder, *, frozen: bool = True, squash: float | None = None
    ) -> None:
        super().__init__()
        if squash is not None and squash <= 0:
            raise InputError(f"squash must be positive or null, got {squash}")
        self.encoder = encoder.requires_grad_(not frozen)
        self.frozen = frozen
        self.squash = squash
        self.window, self.width = encoder.window, encoder.widths.clip
        self.unit = squash is not None
        self.train(self.training)

    def train(self, mode: bool = True) -> Percepts:
        """Training mode for all but a frozen encoder, whose statistics must not move."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def forward(self, clip: Tensor) -> Tensor:
        """Vectors (B, 1, S, D)."""
        steps = self.encoder(clip).need_steps("Percepts").unsqueeze(1)
        return steps if self.squash is None else (2 * (self.squash * steps).sigmoid() - 1).clamp(0)


def _unscaled_grey() -> PixelInput:
    return PixelInput("grey", mean=(0.0,), deviation=(1.0,))


def _unscaled_colour() -> PixelInput:
    return PixelInput("rgb", mean=(0.0, 0.0, 0.0), deviation=(1.0, 1.0, 1.0))


def _within(frames: Tensor, unit: bool) -> Tensor:
    """Frames, in 0..1 where they should be: weights of grey add up to a rounding error more."""
    return frames.clamp(0, 1) if unit else frames


def _is_unit(input: Input) -> bool:
    return (
        isinstance(input, PixelInput)
        and not bool(input.mean.any())
        and bool((input.deviation == 1).all())
    )


def _checked_size(size: Sequence[int]) -> tuple[int, int]:
    if len(size) != 2 or min(size) < 1:
        raise InputError(f"size must be H and W, both positive, got {list(size)}")
    return size[0], size[1]
