"""Crops of clips: random ones for training, and fixed views for testing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from selfvid.errors import InputError
from selfvid.flow.stack import flip_flow
from selfvid.saving.recorded import Recorded

TestCrops = Literal["centre", "four", "ten"]
VIEWS: dict[TestCrops, int] = {"centre": 1, "four": 4, "ten": 10}  # views of a clip in a test


class Crop(Recorded, nn.Module):
    """Crop of clips: `forward` cuts at random for training, `views` at fixed places for testing.

    All frames of a clip are cut at the same place. Clips of flow are recognised by their 2 or 4
    channels: mirroring also changes the sign of x, and resizing also scales the displacements.

    Donahue et al. and Simonyan and Zisserman cut squares of the network's input size and mirror
    half of them; Ballas et al. draw width and height from `sides` and resize the crop.

    Args:
        size: H and W of the network's input; one number means both.
        sides: pixels that the height and the width of a random crop are each drawn from, before
            the crop is resized; None cuts `size` itself.
        mirror: probability of swapping left and right in training; labels may depend on
            direction.
        tested: ``centre`` for the centre; ``four`` for the corners, of which the upper right and
            the lower left one are mirrored; or ``ten`` for corners and centre, each plain and
            mirrored.

    Raises:
        InputError: If a number is out of its range.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        *,
        sides: Sequence[int] | None = None,
        mirror: float = 0.0,
        tested: TestCrops = "centre",
    ) -> None:
        super().__init__()
        height, width = (size, size) if isinstance(size, int) else size
        if min(height, width, *(sides or (1,))) < 1:
            raise InputError(f"size and sides of a crop must be positive, got {size} and {sides}")
        if tested not in VIEWS:
            raise InputError(f"tested is {tested!r}; expected one of {', '.join(VIEWS)}")
        if not 0 <= mirror <= 1:
            raise InputError(f"mirror is {mirror}; expected a probability from 0 to 1")
        self.size = (int(height), int(width))
        self.sides = None if sides is None else tuple(sides)
        self.mirror, self.tested = mirror, tested

    @property
    def count(self) -> int:
        """The number of views V of a clip in a test."""
        return VIEWS[self.tested]

    def check(self, size: Sequence[int]) -> None:
        """Refuse frames that are smaller than the crop.

        Args:
            size: (H, W) of the frames.

        Raises:
            InputError: If the frames are smaller than the largest crop.
        """
        largest = (max(self.sides),) * 2 if self.sides else self.size
        if size[0] < largest[0] or size[1] < largest[1]:
            raise InputError(
                f"size {list(size)} is smaller than the crop {list(largest)}; expected frames "
                "decoded at least as large"
            )

    @torch.no_grad()
    def forward(self, clip: Tensor) -> Tensor:
        """Return a random crop (B, T, C, h, w) of each clip (B, T, C, H, W).

        Random numbers are drawn on the CPU.
        """
        return torch.stack([self._random(each) for each in clip])

    def views(self, clip: Tensor) -> Tensor:
        """Return all views (B * V, T, C, h, w) of clips (B, T, C, H, W), clip by clip."""
        (height, width), (h, w) = clip.shape[-2:], self.size
        bottom, right = height - h, width - w
        corners = [(0, 0), (0, right), (bottom, 0), (bottom, right)]
        centre = [(bottom // 2, right // 2)]
        places = {"centre": centre, "four": corners, "ten": centre + corners}[self.tested]
        cut = [clip[..., top : top + h, left : left + w] for top, left in places]
        if self.tested == "four":
            cut[1:3] = [_mirrored(each) for each in cut[1:3]]
        if self.tested == "ten":
            cut += [_mirrored(each) for each in cut]
        return torch.stack(cut, 1).flatten(0, 1)  # (B * V, T, C, h, w)

    def _random(self, clip: Tensor) -> Tensor:
        h, w = self.size if self.sides is None else (self._side(), self._side())
        top = int(torch.randint(clip.shape[-2] - h + 1, ()))
        left = int(torch.randint(clip.shape[-1] - w + 1, ()))
        cut = clip[..., top : top + h, left : left + w]
        if (h, w) != self.size:
            cut = interpolate(cut.float(), self.size, mode="bilinear", align_corners=False)
            if _is_flow(clip):  # displacements are in pixels, so they scale with the frame
                ratio = cut.new_tensor([self.size[1] / w, self.size[0] / h])
                cut = cut * ratio.repeat(clip.shape[-3] // 2)[:, None, None]
        return _mirrored(cut) if float(torch.rand(())) < self.mirror else cut

    def _side(self) -> int:
        assert self.sides is not None
        return self.sides[int(torch.randint(len(self.sides), ()))]


def _mirrored(clip: Tensor) -> Tensor:
    return flip_flow(clip) if _is_flow(clip) else clip.flip(-1)


def _is_flow(clip: Tensor) -> bool:
    return clip.shape[-3] != 3
