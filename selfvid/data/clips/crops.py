"""Cutting frames smaller than decoded: by chance in training, at fixed places in tests."""

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
VIEWS: dict[TestCrops, int] = {"centre": 1, "four": 4, "ten": 10}


class Crop(Recorded, nn.Module):
    """One random crop for all frames of a clip; `views` cuts the same places of every clip.

    Clips of flow are told by their channels, 2 or 4: what is mirrored moves the other way, and
    displacements are resized with their frame.

    Donahue et al. and Simonyan and Zisserman cut squares of the network's size and mirror half of
    them; Ballas et al. draw width and height from `sides` and resize what they cut.

    Args:
        size: H and W that the network sees, one number for both.
        sides: pixels that height and width of a random crop are each drawn from, before it is
            resized; None cuts the size itself.
        mirror: probability of swapping left and right in training; labels may depend on
            direction.
        tested: ``centre``; ``four`` for the corners, of which two that lie across from one
            another are mirrored; or ``ten`` for corners and centre, each also mirrored.

    Raises:
        InputError: where a number is out of its range.
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
        """Views of a clip in a test."""
        return VIEWS[self.tested]

    def check(self, size: Sequence[int]) -> None:
        """Refuse frames that are smaller than what is cut from them.

        Raises:
            InputError: naming both.
        """
        largest = (max(self.sides),) * 2 if self.sides else self.size
        if size[0] < largest[0] or size[1] < largest[1]:
            raise InputError(
                f"size {list(size)} is smaller than the crop {list(largest)}; expected frames "
                "decoded at least as large"
            )

    @torch.no_grad()
    def forward(self, clip: Tensor) -> Tensor:
        """Random crops (B, T, C, h, w) of clips (B, T, C, H, W); drawn on the CPU."""
        return torch.stack([self._random(each) for each in clip])

    def views(self, clip: Tensor) -> Tensor:
        """All views of clips (B, T, C, H, W), those of one clip together: (B * V, T, C, h, w)."""
        (height, width), (h, w) = clip.shape[-2:], self.size
        bottom, right = height - h, width - w
        corners = [(0, 0), (0, right), (bottom, 0), (bottom, right)]
        centre = [(bottom // 2, right // 2)]
        places = {"centre": centre, "four": corners, "ten": centre + corners}[self.tested]
        cut = [clip[..., top : top + h, left : left + w] for top, left in places]
        if self.tested == "four":
            cut[1:3] = [self._mirrored(each) for each in cut[1:3]]
        if self.tested == "ten":
            cut += [self._mirrored(each) for each in cut]
        return torch.stack(cut, 1).flatten(0, 1)

    def _random(self, clip: Tensor) -> Tensor:
        h, w = self.size if self.sides is None else (self._side(), self._side())
        top = int(torch.randint(clip.shape[-2] - h + 1, ()))
        left = int(torch.randint(clip.shape[-1] - w + 1, ()))
        cut = clip[..., top : top + h, left : left + w]
        if (h, w) != self.size:
            cut = interpolate(cut.float(), self.size, mode="bilinear", align_corners=False)
            if _is_flow(clip):  # displacements grow with the frame
                ratio = cut.new_tensor([self.size[1] / w, self.size[0] / h])
                cut = cut * ratio.repeat(clip.shape[-3] // 2)[:, None, None]
        return self._mirrored(cut) if float(torch.rand(())) < self.mirror else cut

    def _side(self) -> int:
        assert self.sides is not None
        return self.sides[int(torch.randint(len(self.sides), ()))]

    def _mirrored(self, clip: Tensor) -> Tensor:
        return flip_flow(clip) if _is_flow(clip) else clip.flip(-1)


def _is_flow(clip: Tensor) -> bool:
    return clip.shape[-3] != 3
