"""Modules that convert clips to sequences of frame vectors, the input of a recurrent network.

A clip may have several parts, for example patches of its frames. Each part is a sequence of its
own.
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
    """Maps clips (B, T, C, H, W) to vectors (B, P, S, D), where P is the number of parts.

    Attributes:
        width: D.
        window: number of frames from which one vector is made; S = T - window + 1.
        in_channels: C of the clips, as in `Encoder`.
        unit: whether every value is in 0..1, as a cross-entropy loss requires of its targets.
        picture_shape: C, H and W of the image that a vector represents, or None if vectors are not
            images.
    """

    width: int
    window: int = 1
    in_channels: int = 3
    unit: bool = False
    picture_shape: tuple[int, int, int] | None = None

    @abstractmethod
    def forward(self, clip: Tensor) -> Tensor:
        """Compute vectors (B, P, S, D) of a clip (B, T, C, H, W).

        Args:
            clip: pixels, uint8 or float from 0 to 255; or flow in pixels, float.
        """

    def picture(self, vectors: Tensor) -> Tensor:
        """Convert vectors (..., D) to images (..., 3, H, W) in 0..1 that can be displayed.

        Raises:
            InputError: If vectors of this kind are not images.
        """
        if self.picture_shape is None:
            raise InputError(f"vectors of {type(self).__name__} are no pictures")
        pixels = vectors.unflatten(-1, self.picture_shape).float()  # (..., C, H, W)
        # Differences and flow are centred at zero: grey means that nothing moves.
        shown = pixels if self.unit else pixels / 4 + 0.5
        if shown.shape[-3] == 2:  # x in red, y in green
            shown = torch.cat((shown, torch.full_like(shown[..., :1, :, :], 0.5)), -3)
        return shown.clamp(0, 1).expand(*pixels.shape[:-3], 3, *pixels.shape[-2:])


class FlatFrames(FrameVectors):
    """Flattens each frame, or the output of `input` for it, to one vector.

    Args:
        size: H and W of the frames.
        input: the layer that converts clips to the frames to flatten; None uses grey pixels in
            0..1. With `DifferenceInput` the vectors show only motion.

    Raises:
        InputError: If the size is not positive, or, in `forward`, if a clip has another size.
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
        """Compute vectors (B, 1, S, C * H * W)."""
        if tuple(clip.shape[-2:]) != self.size:
            raise InputError(
                f"frames are {tuple(clip.shape[-2:])}; FlatFrames expected {self.size} (H, W)"
            )
        return _clamped(self.input(clip), self.unit).flatten(2).unsqueeze(1)


class FlatPatches(FrameVectors):
    """Flattens square patches of the frames: one random patch in training, otherwise a grid.

    In training mode one patch of each clip is used, at the same place in all its frames
    (Srivastava et al. train on random 32x32 patches). In evaluation mode the parts are the patches
    of the largest grid that fits into the middle of the frame.

    Args:
        side: side of a patch in pixels.
        input: the layer that converts clips to the frames to flatten; None uses RGB pixels in
            0..1.

    Raises:
        InputError: If the side is not positive, or, in `forward`, if frames are smaller than it.
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
        """Compute vectors (B, P, S, C * side * side); P is 1 in training mode."""
        if min(clip.shape[-2:]) < self.side:
            raise InputError(
                f"frames are {tuple(clip.shape[-2:])}; FlatPatches expected at least "
                f"{self.side} on each side"
            )
        patches = self._random(clip)[:, None] if self.training else self._grid(clip)
        batch, parts = patches.shape[:2]
        frames = _clamped(self.input(patches.flatten(0, 1)), self.unit)  # (B * P, S, C, h, w)
        return frames.flatten(2).unflatten(0, (batch, parts))

    def _random(self, clip: Tensor) -> Tensor:
        """Return one random patch of each clip, (B, T, C, side, side)."""
        height, width = clip.shape[-2:]
        tops = torch.randint(height - self.side + 1, (len(clip),)).tolist()
        lefts = torch.randint(width - self.side + 1, (len(clip),)).tolist()
        return torch.stack(
            [
                frames[..., top : top + self.side, left : left + self.side]
                for frames, top, left in zip(clip, tops, lefts, strict=True)
            ]
        )

    def _grid(self, clip: Tensor) -> Tensor:
        """Return all patches of the grid, (B, P, T, C, side, side), row by row."""
        rows, columns = (length // self.side for length in clip.shape[-2:])
        top = (clip.shape[-2] - rows * self.side) // 2
        left = (clip.shape[-1] - columns * self.side) // 2
        middle = clip[..., top : top + rows * self.side, left : left + columns * self.side]
        tiled = middle.unflatten(-2, (rows, self.side)).unflatten(-1, (columns, self.side))
        # (B, T, C, rows, side, columns, side) to (B, rows, columns, T, C, side, side)
        return tiled.permute(0, 3, 5, 1, 2, 4, 6).flatten(1, 2)


class Percepts(FrameVectors):
    """Encodes each frame with a network; a percept is the feature vector of one frame.

    Args:
        encoder: the network that encodes each frame.
        frozen: whether its weights stay fixed; it then also stays in evaluation mode.
        squash: values x become 2 / (1 + exp(-squash * x)) - 1, which maps non-negative values to
            0..1, as cross-entropy requires (Srivastava et al. use 2); None leaves them unchanged.

    Raises:
        InputError: If the encoder has no step vectors, or squash is not positive.
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
        self.in_channels = encoder.in_channels
        self.unit = squash is not None
        self.train(self.training)

    def train(self, mode: bool = True) -> Percepts:
        """Set the mode; a frozen encoder stays in evaluation mode, so its statistics stay fixed."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def forward(self, clip: Tensor) -> Tensor:
        """Compute vectors (B, 1, S, D)."""
        steps = self.encoder(clip).need_steps("Percepts").unsqueeze(1)
        return squashed(steps, self.squash)


def squashed(steps: Tensor, squash: float | None) -> Tensor:
    """Map vectors (..., D) to 0..1 as `Percepts` does; with None they stay as they are."""
    return steps if squash is None else (2 * (squash * steps).sigmoid() - 1).clamp(0)


def _unscaled_grey() -> PixelInput:
    return PixelInput("grey", mean=(0.0,), deviation=(1.0,))


def _unscaled_colour() -> PixelInput:
    return PixelInput("rgb", mean=(0.0, 0.0, 0.0), deviation=(1.0, 1.0, 1.0))


def _is_unit(input: Input) -> bool:
    """Whether the input leaves pixels in 0..1."""
    return (
        isinstance(input, PixelInput)
        and not bool(input.mean.any())
        and bool((input.deviation == 1).all())
    )


def _clamped(frames: Tensor, unit: bool) -> Tensor:
    """Clamp frames to 0..1 if `unit`: the weights of grey sum to slightly more than 1."""
    return frames.clamp(0, 1) if unit else frames


def _checked_size(size: Sequence[int]) -> tuple[int, int]:
    if len(size) != 2 or min(size) < 1:
        raise InputError(f"size must be H and W, both positive, got {list(size)}")
    return size[0], size[1]
