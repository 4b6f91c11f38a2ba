"""Random augmentation of clips on the training device, the same for all frames of a clip."""

from __future__ import annotations

import math

import torch
from kornia.color import rgb_to_grayscale
from kornia.enhance import (
    adjust_brightness_accumulative,
    adjust_contrast_with_mean_subtraction,
    adjust_hue,
    adjust_saturation_with_gray_subtraction,
)
from kornia.filters import gaussian_blur2d
from torch import Tensor, nn

from selfvid.data.clips.geometry import Geometry
from selfvid.errors import InputError
from selfvid.saving.recorded import Recorded

_ASPECT = 4 / 3  # widest crop, width over height; the narrowest is 3 / 4, as in torchvision
_OF_PIXELS = ("brightness", "contrast", "saturation", "hue", "grey", "blur", "reverse")
_BLUR_SIGMA = (0.1, 2.0)  # range of the blur's deviation in pixels, as in SimCLR


class Augmentation(nn.Module, Recorded):
    """Random crop, colour, blur, flip and time reversal; each of them is off at 0.

    Random numbers come from torch's global generator on the CPU, whatever the device of the clip
    is, so that ``torch.manual_seed`` reproduces the same changes.

    Args:
        crop: largest share of the area that is cut away before the rest is resized to H x W.
        brightness: largest change of brightness; 0.4 draws a factor from 0.6 to 1.4.
        contrast: largest change of contrast about the mean of each frame, drawn in the same way.
        saturation: largest change of saturation, drawn in the same way.
        hue: largest rotation of hue, as a share of the colour circle, at most 0.5; slow on a CPU.
        grey: probability of a grey clip.
        blur: probability of a Gaussian blur of sigma 0.1 to 2 pixels.
        flip: probability of swapping left and right; labels may depend on direction.
        reverse: probability of reversing time; labels may depend on direction.
        view: number of consecutive frames that are changed in the same way (a view): with view
            10 a clip of 20 frames has two views, with view 1 every frame is its own view. With
            None the whole clip is one view. Only whole clips are reversed.

    Raises:
        InputError: If a number is out of its range.
    """

    def __init__(
        self,
        *,
        crop: float = 0.4,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.2,
        hue: float = 0.0,
        grey: float = 0.1,
        blur: float = 0.0,
        flip: float = 0.0,
        reverse: float = 0.0,
        view: int | None = None,
    ) -> None:
        super().__init__()
        if view is not None and view < 1:
            raise InputError(f"augmentation's view is {view}; expected 1 frame or more, or null")
        _check_range("crop", crop, below=0.99)
        for name, value in (
            ("brightness", brightness),
            ("contrast", contrast),
            ("saturation", saturation),
            ("grey", grey),
            ("blur", blur),
            ("flip", flip),
            ("reverse", reverse),
        ):
            _check_range(name, value)
        _check_range("hue", hue, below=0.5)
        self.crop, self.flip, self.reverse = crop, flip, reverse
        self.brightness, self.contrast, self.saturation = brightness, contrast, saturation
        self.hue, self.grey, self.blur = hue, grey, blur
        self.view = view

    def check(self, frames: int) -> None:
        """Refuse clips that cannot be divided into whole views.

        Args:
            frames: T, frames of a clip.

        Raises:
            InputError: If `frames` is not a multiple of `view`.
        """
        if frames % (self.view or 1):
            raise InputError(
                f"augmentation's view is {self.view} frames and clips have {frames}; expected a "
                "whole number of views"
            )

    def check_flow_clips(self) -> None:
        """Refuse changes that clips of flow cannot have.

        Raises:
            InputError: If a change is one of colours, or time is reversed: the flow of a reversed
                clip is that of the other way, and not its negative.
        """
        given = {name: getattr(self, name) for name in _OF_PIXELS if getattr(self, name)}
        if given:
            named = ", ".join(f"{name} {value:g}" for name, value in given.items())
            raise InputError(
                f"augmentation has {named}, and clips are flow, which has neither colours nor a "
                "simple reverse; expected 0 for these, or augment null"
            )

    def check_direction(self) -> None:
        """Refuse to reverse time, for a loss that depends on its direction.

        Raises:
            InputError: If time is reversed.
        """
        if self.reverse:
            raise InputError(
                f"augmentation's reverse is {self.reverse:g}, and the objective tells the "
                "direction of time; expected reverse 0"
            )

    def check_flow(self) -> None:
        """Refuse changes that the flow between the frames of a clip cannot follow.

        Raises:
            InputError: If the frames of a clip are cropped in different ways, or time is reversed:
                the flow of a reversed clip is that of the other way, and not its negative.
        """
        if self.view is not None or self.reverse:
            raise InputError(
                f"augmentation's view is {self.view} and reverse {self.reverse:g}, and flow is "
                "read beside the clips; expected view null and reverse 0: flow lies between frames "
                "that are cropped alike, one way only"
            )

    @torch.no_grad()
    def with_flow(self, clip: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Return clips with random changes, and their flow, cropped and flipped like them.

        The random numbers, and so the clips, are those of `forward`.

        Args:
            clip: as for `forward`.
            flow: the fields between the frames, float (B, T - 1, 2, H, W) in pixels.

        Returns:
            Pixels 0 to 255, float (B, T, 3, H, W), and flow in them, (B, T - 1, 2, H, W).

        Raises:
            InputError: As `check_flow` does.
        """
        self.check_flow()
        changed, geometry = self._changed(clip)
        return changed, geometry.of_flow(flow)

    @torch.no_grad()
    def forward(self, clip: Tensor) -> Tensor:
        """Return clips with random changes.

        Args:
            clip: RGB pixels 0 to 255, uint8 or float (B, T, 3, H, W); or flow in pixels,
                (B, T, 2 or 4, H, W), which is cropped and flipped as its frames would be.

        Returns:
            Pixels 0 to 255, float (B, T, 3, H, W), or flow of the same shape.

        Raises:
            InputError: If T is not a multiple of `view`, or as `check_flow_clips` does.
        """
        if clip.ndim == 5 and clip.shape[2] in (2, 4):
            self.check_flow_clips()
            views = self._views(clip)
            return self._geometry(views).of_flow(views).reshape(clip.shape)
        return self._changed(clip)[0]

    def _views(self, clip: Tensor) -> Tensor:
        self.check(clip.shape[1])
        return clip.reshape(-1, self.view or clip.shape[1], *clip.shape[2:])  # (B * V, T / V, ...)

    def _changed(self, clip: Tensor) -> tuple[Tensor, Geometry]:
        """Return the changed clips, and how their views were cropped and flipped."""
        if clip.ndim != 5 or clip.shape[2] != 3:
            raise ValueError(f"clip must be (B, T, 3, H, W), got {tuple(clip.shape)}")
        views = self._views(clip)
        views = (views if views.is_floating_point() else views.float()) / 255
        geometry = self._geometry(views)
        views = self._blurred(self._coloured(geometry.of_pixels(views)))
        return self._reversed(views.reshape(clip.shape) * 255), geometry

    def _geometry(self, views: Tensor) -> Geometry:
        """Draw the crops and flips of views (V, T, C, H, W)."""
        count, (height, width) = len(views), views.shape[-2:]
        boxes = None
        if self.crop:
            area = 1 - self.crop * torch.rand(count)
            aspect = torch.exp((2 * torch.rand(count) - 1) * math.log(_ASPECT))
            tall = ((area / aspect).sqrt() * height).clamp(max=height)
            wide = ((area * aspect).sqrt() * width).clamp(max=width)
            top, left = torch.rand(count) * (height - tall), torch.rand(count) * (width - wide)
            boxes = torch.stack((left, top, wide, tall), 1)
        return Geometry(boxes, _draw(count, self.flip, views.device))

    def _coloured(self, views: Tensor) -> Tensor:
        count, frames = views.shape[:2]
        pictures = views.flatten(0, 1)  # (B * T, 3, H, W)
        for strength, adjust in (
            (self.brightness, adjust_brightness_accumulative),
            (self.contrast, adjust_contrast_with_mean_subtraction),
            (self.saturation, adjust_saturation_with_gray_subtraction),
        ):
            if strength:
                factor = 1 + strength * (2 * torch.rand(count) - 1)
                pictures = adjust(pictures, factor.to(views).repeat_interleave(frames))
        if self.hue:
            turn = 2 * math.pi * self.hue * (2 * torch.rand(count) - 1)
            pictures = adjust_hue(pictures, turn.to(views).repeat_interleave(frames))
        chosen = _draw(count, self.grey, views.device)
        if chosen is not None:
            every = chosen.repeat_interleave(frames)[:, None, None, None]
            pictures = torch.where(every, rgb_to_grayscale(pictures), pictures)
        return pictures.reshape(views.shape)

    def _blurred(self, views: Tensor) -> Tensor:
        chosen = _draw(len(views), self.blur, views.device)
        if chosen is None:
            return views
        low, high = _BLUR_SIGMA
        sigma = (low + (high - low) * torch.rand(len(views), 1)).to(views).repeat(1, 2)
        side = 2 * max(1, min(views.shape[-2:]) // 20) + 1  # a tenth of the frame, an odd number
        soft = gaussian_blur2d(views.flatten(1, 2), (side, side), sigma).reshape(views.shape)
        return torch.where(_spread(chosen), soft, views)

    def _reversed(self, clip: Tensor) -> Tensor:
        chosen = _draw(len(clip), self.reverse, clip.device)
        return clip if chosen is None else torch.where(_spread(chosen), clip.flip(1), clip)


def _draw(count: int, probability: float, device: torch.device) -> Tensor | None:
    """Choose some of `count` at random, bool (count,); None if the probability is 0."""
    return (torch.rand(count) < probability).to(device) if probability else None


def _spread(chosen: Tensor) -> Tensor:
    return chosen[:, None, None, None, None]  # (count, 1, 1, 1, 1)


def _check_range(name: str, value: float, *, below: float = 1.0) -> None:
    if not 0 <= value <= below:
        raise InputError(f"augmentation's {name} is {value}; expected 0 to {below:g}")
