"""Any encoder along a video, window by window.

Windows of 4 frames at stride 3 from 11, the last that fits whole ends with frame 9::

    frames  0 1 2 3 4 5 6 7 8 9 10
    step 0  a a a a
    step 1        b b b b
    step 2              c c c c
"""

from __future__ import annotations

import torch
from torch import Tensor

from selfvid.encoders.base import Encoder
from selfvid.errors import InputError
from selfvid.types import Features, Widths

AT_ONCE = 64  # windows in memory when no gradients are wanted


class SlidingEncoder(Encoder):
    """Steps are the clip vectors of windows; the clip vector is their mean over time.

    Without gradients windows go through the encoder a few at a time, so that what they need is
    bounded however long the clip is.

    Args:
        encoder: sees each window as a clip; its gradients flow.
        stride: frames between the starts of neighbouring windows.
        window: frames in a window; None takes as many as one step of the encoder sees.
        maps: whether windows keep their maps, averaged over the window's own steps, for heads
            that read them.

    Raises:
        InputError: where the stride is not positive, or the encoder cannot see such windows.
    """

    def __init__(
        self, encoder: Encoder, *, stride: int = 1, window: int | None = None, maps: bool = False
    ) -> None:
        super().__init__()
        window = encoder.window if window is None else window
        fits = window == encoder.window if encoder.one_length else window >= encoder.window
        if stride < 1 or not fits:
            most = "" if encoder.one_length else " or more"
            raise InputError(
                f"stride is {stride} and window {window}; expected at least 1, and the "
                f"{encoder.window}{most} frames that {type(encoder).__name__} sees at once"
            )
        self.encoder, self.window, self.stride = encoder, window, stride
        self.in_channels, self.maps = encoder.in_channels, maps
        width = encoder.widths.clip
        self.widths = Widths(clip=width, steps=width, maps=encoder.widths.maps if maps else ())

    def forward(self, clip: Tensor) -> Features:
        """Features with S = (T - window) // stride + 1 steps."""
        self._check(clip)
        batch, frames = clip.shape[:2]
        count = (frames - self.window) // self.stride + 1
        vectors, maps = self._along(clip, count)
        steps = vectors.unflatten(0, (batch, count))
        return Features(
            clip=steps.mean(1),
            steps=steps,
            window=self.window,
            stride=self.stride,
            maps=tuple(m.unflatten(0, (batch, count)) for m in maps) if self.maps else None,
        )

    def _along(self, clip: Tensor, count: int) -> tuple[Tensor, list[Tensor]]:
        """Vectors (B * S, D) and maps (B * S, C_l, H_l, W_l) of all windows, clip by clip."""
        starts = torch.arange(count, device=clip.device) * self.stride
        places = starts[:, None] + torch.arange(self.window, device=clip.device)
        if torch.is_grad_enabled() or torch.compiler.is_exporting():
            return self._seen(clip[:, places].flatten(0, 1))
        of_clip = torch.arange(len(clip), device=clip.device).repeat_interleave(count)
        of_window = places.repeat(len(clip), 1)
        found = [
            self._seen(clip[rows[:, None], frames])
            for rows, frames in zip(of_clip.split(AT_ONCE), of_window.split(AT_ONCE), strict=True)
        ]
        vectors, maps = zip(*found, strict=True)
        return torch.cat(vectors), [torch.cat(level) for level in zip(*maps, strict=True)]

    def _seen(self, windows: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = self.encoder(windows)
        if not self.maps:
            return features.clip, []
        return features.clip, [m.mean(1) for m in features.need_maps("SlidingEncoder")]

    def _check(self, clip: Tensor) -> None:
        if clip.shape[1] < self.window:
            raise InputError(
                f"windows have {self.window} frames, got a clip of {clip.shape[1]}; expected "
                "longer clips, or shorter videos to be lengthened or skipped (short: repeat_last, "
                "loop or skip)"
            )
