"""An encoder that applies another encoder to windows along a clip.

For example, a clip of 11 frames has three windows of 4 frames at stride 3. The last complete
window ends with frame 9, and frame 10 is not used::

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

# Windows per forward pass if no gradients are needed: enough to be fast, few enough for the memory.
WINDOWS_PER_PASS = 64


class SlidingEncoder(Encoder):
    """Encodes each window of a clip; the clip vector is the mean of the window vectors.

    The step vectors are the encoder's clip vectors of the windows. If no gradients are needed, a
    limited number of windows is encoded at a time, so that the memory does not grow with the
    length of the clip.

    Args:
        encoder: the encoder that is applied to each window; gradients flow through it.
        stride: frames between the starts of neighbouring windows.
        window: number of frames of a window; None uses the window of the encoder's steps.
        maps: whether the features include maps, averaged over the encoder's steps in each window.

    Raises:
        InputError: If the stride is not positive, or if the encoder cannot take such windows.
    """

    def __init__(
        self, encoder: Encoder, *, stride: int = 1, window: int | None = None, maps: bool = False
    ) -> None:
        super().__init__()
        window = encoder.window if window is None else window
        fits = window == encoder.window if encoder.one_length else window >= encoder.window
        if stride < 1 or not fits:
            or_more = "" if encoder.one_length else " or more"
            raise InputError(
                f"stride is {stride} and window {window}; expected at least 1, and the "
                f"{encoder.window}{or_more} frames that {type(encoder).__name__} sees at once"
            )
        self.encoder, self.window, self.stride = encoder, window, stride
        self.in_channels, self.maps = encoder.in_channels, maps
        width = encoder.widths.clip
        self.widths = Widths(clip=width, steps=width, maps=encoder.widths.maps if maps else ())

    def forward(self, clip: Tensor) -> Features:
        """Compute features with S = (T - window) // stride + 1 steps."""
        self._check(clip)
        batch, frames = clip.shape[:2]
        count = (frames - self.window) // self.stride + 1
        vectors, maps = self._encode_windows(clip, count)
        steps = vectors.unflatten(0, (batch, count))  # (B, S, D)
        return Features(
            clip=steps.mean(1),
            steps=steps,
            window=self.window,
            stride=self.stride,
            maps=tuple(m.unflatten(0, (batch, count)) for m in maps) if self.maps else None,
        )

    def _encode_windows(self, clip: Tensor, count: int) -> tuple[Tensor, list[Tensor]]:
        """Return vectors (B * S, D) and maps (B * S, C_l, H_l, W_l) of S = `count` windows."""
        starts = torch.arange(count, device=clip.device) * self.stride
        frames = starts[:, None] + torch.arange(self.window, device=clip.device)  # (S, window)
        if torch.is_grad_enabled() or torch.compiler.is_exporting():
            return self._encode(clip[:, frames].flatten(0, 1))
        # The clip and the frames of each of the B * S windows, a limited number at a time.
        clips = torch.arange(len(clip), device=clip.device).repeat_interleave(count)  # (B * S,)
        frames = frames.repeat(len(clip), 1)  # (B * S, window)
        passes = zip(clips.split(WINDOWS_PER_PASS), frames.split(WINDOWS_PER_PASS), strict=True)
        encoded = [self._encode(clip[rows[:, None], columns]) for rows, columns in passes]
        vectors, maps = zip(*encoded, strict=True)
        return torch.cat(vectors), [torch.cat(level) for level in zip(*maps, strict=True)]

    def _encode(self, windows: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return vectors (N, D) and maps (N, C_l, H_l, W_l) of windows (N, window, C, H, W)."""
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
