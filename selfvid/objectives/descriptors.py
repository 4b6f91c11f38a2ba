"""Hand-made descriptors of motion and of appearance, as targets of objectives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from selfvid.encoders.input import LUMA
from selfvid.errors import InputError
from selfvid.flow.histograms import direction_histograms

ORIENTATIONS = 9  # of gradients, as Dalal and Triggs (2005) and MaskFeat have it


@dataclass(frozen=True)
class MotionDescriptor:
    """The description of the motion within a window of frames: histograms of flow directions.

    Each field is divided into grid x grid cells, and the length of a pixel's vector counts in the
    bin of its direction. A window's histogram is the mean of those of its fields, to a power.

    Attributes:
        directions: bins of a turn; the first is centred on motion to the right.
        grids: cells along each side of the frame, one number for each scale.
        parts: equal parts of a window, each of which has a histogram of its own.
        power: histograms are raised to it; 0.5 takes roots, which reduce the weight of fast motion.
        subtract_mean: whether the mean displacement of each field is subtracted from it first,
            which approximately removes the motion of the camera.
    """

    directions: int = 8
    grids: tuple[int, ...] = (8,)
    parts: int = 1
    power: float = 0.5
    subtract_mean: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "grids", tuple(self.grids))  # a list, as recipes have it
        if not self.grids or min(*self.grids, self.directions, self.parts) < 1 or self.power <= 0:
            raise InputError(
                f"motion descriptor has directions {self.directions}, grids {list(self.grids)}, "
                f"parts {self.parts} and power {self.power}; expected positive numbers, and at "
                "least one grid"
            )

    def __call__(self, flow: Tensor, *, window: int, stride: int) -> list[Tensor]:
        """Describe the motion in each window of a clip.

        Args:
            flow: the fields between the frames of clips, (B, T - 1, 2, H, W) in pixels.
            window: frames of a window, at least `parts` + 1.
            stride: frames between the starts of neighbouring windows.

        Returns:
            For each grid g a tensor (B, S, parts x directions, g, g).
        """
        if self.subtract_mean:
            flow = flow - flow.mean((-2, -1), keepdim=True)
        return [self._at(grid, flow, window - 1, stride) for grid in self.grids]

    def _at(self, grid: int, flow: Tensor, fields: int, stride: int) -> Tensor:
        each = direction_histograms(flow.flatten(0, 1), grid=grid, bins=self.directions)
        windows = each.unflatten(0, flow.shape[:2]).unfold(1, fields, stride)  # (B, S, g, g, b, n)
        parts = [part.mean(-1) for part in windows.tensor_split(self.parts, -1)]
        return torch.stack(parts, 2).pow(self.power).permute(0, 1, 2, 5, 3, 4).flatten(2, 3)

    def lengths(self, described: Tensor) -> Tensor:
        """Undo the power: return the mean displacement in each direction, averaged over the parts.

        Args:
            described: histograms (..., parts x directions, g, g), true or predicted.

        Returns:
            Pixels from each frame to the next, (..., directions, g, g).
        """
        pixels = described.clamp_min(0).pow(1 / self.power)
        return pixels.unflatten(-3, (self.parts, self.directions)).mean(-4)

    def displacement(self, described: Tensor) -> Tensor:
        """Return the mean displacement that histograms describe, as flow.

        Args:
            described: histograms (..., parts x directions, g, g), true or predicted.

        Returns:
            The sum of all directions, each with its length, in pixels (..., 2, g, g).
        """
        turns = 2 * math.pi * torch.arange(self.directions, device=described.device)
        angles = turns / self.directions
        towards = torch.stack((angles.cos(), angles.sin()))  # (2, directions)
        return torch.einsum("cb,...bhw->...chw", towards, self.lengths(described))


def oriented_gradients(frames: Tensor, *, grid: int) -> Tensor:
    """Return histograms of oriented gradients (HOG; Dalal and Triggs, CVPR 2005) of grey frames.

    Gradients are central differences, with opposite directions as one orientation. Each cell is
    normalised by itself, as in MaskFeat.

    Args:
        frames: pixels 0 to 255, (..., 3, H, W).
        grid: cells along each side.

    Returns:
        (..., ORIENTATIONS, grid, grid); each cell has length 1, or 0 if it has no gradient.
    """
    weights = torch.tensor(LUMA, device=frames.device)[:, None, None] / 255
    grey = (frames.float() * weights).sum(-3)  # (..., H, W)
    gradients = torch.zeros(*grey.shape[:-2], 2, *grey.shape[-2:], device=grey.device)
    gradients[..., 0, :, 1:-1] = (grey[..., 2:] - grey[..., :-2]) / 2
    gradients[..., 1, 1:-1, :] = (grey[..., 2:, :] - grey[..., :-2, :]) / 2
    flat = gradients.flatten(0, -4)  # (N, 2, H, W)
    found = direction_histograms(flat, grid=grid, bins=ORIENTATIONS, signed=False)
    cells = normalize(found, dim=-1).movedim(-1, 1)  # (N, ORIENTATIONS, grid, grid)
    return cells.unflatten(0, frames.shape[:-3])
