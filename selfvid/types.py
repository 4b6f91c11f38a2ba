"""The letters of every shape, and the small types that baselines hand to one another.

Letters: B batch, T time (frames of a clip), S steps (of an encoder along a clip), C channels,
H height, W width, D features, K classes, L flow fields in a stack.

Clips are ``(B, T, C, H, W)``; pixels are as decoded, 0 to 255, until an encoder's first layer
turns them into what its network takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor

from selfvid.errors import InputError

FLOW_ZERO = 128
"""Code of no motion in eight-bit flow."""


@dataclass(frozen=True, repr=False)
class Clip:
    """T frames cut from one video, or T fields of its flow.

    Attributes:
        frames: pixels as decoded, uint8 (T, 3, H, W); of flow its codes, uint8 (T, 2, H, W), or
            (T, 4, H, W) with backward fields behind forward ones.
        times: presentation time of each frame in seconds, float64 (T,).
        video: content id of the video that the frames were cut from.
        label: class index, or None for footage nobody labelled.
        step: of flow, pixels from one code to the next, 128 being none; None for pixels.
        places: which frames of the file they are, int64 (T,); None where that is not told.
    """

    frames: Tensor
    times: Tensor
    video: str
    label: int | None = None
    step: float | None = None
    places: Tensor | None = None

    def __post_init__(self) -> None:
        if self.frames.ndim != 4 or self.frames.dtype != torch.uint8:
            raise ValueError(f"frames must be uint8 (T, C, H, W), got {_shape(self.frames)}")
        if self.times.shape != self.frames.shape[:1]:
            raise ValueError(
                f"times must be (T,) = ({len(self.frames)},), got {_shape(self.times)}"
            )

    def __repr__(self) -> str:
        return f"Clip({_shape(self.frames)}, video={self.video!r}, label={self.label})"


@dataclass(frozen=True, repr=False)
class ClipBatch:
    """Clips of one size and length side by side.

    Attributes:
        frames: uint8 (B, T, C, H, W).
        times: seconds, float64 (B, T).
        videos: content id of each clip's video.
        labels: class indices, int64 (B,), or None where any clip has no label.
        faults: one line for each clip that could not be read and was replaced by another.
        steps: of flow, pixels from one code to the next in each clip, (B,); None for pixels.
    """

    frames: Tensor
    times: Tensor
    videos: tuple[str, ...]
    labels: Tensor | None = None
    faults: tuple[str, ...] = ()
    steps: Tensor | None = None

    def __post_init__(self) -> None:
        if self.frames.ndim != 5:
            raise ValueError(f"frames must be (B, T, C, H, W), got {_shape(self.frames)}")
        batch = self.frames.shape[0]
        if not len(self.times) == len(self.videos) == batch:
            raise ValueError(f"times and videos must have B = {batch} entries")

    def __repr__(self) -> str:
        return f"ClipBatch({_shape(self.frames)}, labels={self.labels is not None})"

    def __len__(self) -> int:
        return len(self.frames)

    def to(self, device: torch.device | str) -> ClipBatch:
        """The same batch with its tensors on `device`."""
        return replace(
            self,
            frames=self.frames.to(device, non_blocking=True),
            times=self.times.to(device, non_blocking=True),
            labels=None if self.labels is None else self.labels.to(device, non_blocking=True),
            steps=None if self.steps is None else self.steps.to(device, non_blocking=True),
        )

    def pin_memory(self) -> ClipBatch:
        """The same batch in page-locked memory, as a DataLoader asks for it."""
        return replace(
            self,
            frames=self.frames.pin_memory(),
            times=self.times.pin_memory(),
            labels=None if self.labels is None else self.labels.pin_memory(),
            steps=None if self.steps is None else self.steps.pin_memory(),
        )

    def clip(self) -> Tensor:
        """What encoders eat, (B, T, C, H, W): pixels 0 to 255, or flow in pixels."""
        if self.steps is None:
            return self.frames
        return (self.frames.float() - FLOW_ZERO) * self.steps.view(-1, 1, 1, 1, 1)

    @staticmethod
    def of(clips: list[Clip], faults: tuple[str, ...] = ()) -> ClipBatch:
        """Collate clips of one frame size and length."""
        shapes = {tuple(clip.frames.shape) for clip in clips}
        if len(shapes) > 1:
            raise ValueError(f"clips of a batch must have one shape, got {sorted(shapes)}")
        known = [clip.label for clip in clips if clip.label is not None]
        steps = [clip.step for clip in clips if clip.step is not None]
        return ClipBatch(
            frames=torch.stack([clip.frames for clip in clips]),  # (B, T, C, H, W)
            times=torch.stack([clip.times for clip in clips]).double(),  # (B, T)
            videos=tuple(clip.video for clip in clips),
            labels=torch.tensor(known) if len(known) == len(clips) else None,
            faults=faults,
            steps=torch.tensor(steps) if steps else None,
        )


@dataclass(frozen=True)
class Widths:
    """The D and C_l of an encoder, told before any data is seen.

    Attributes:
        clip: D of the clip vector.
        steps: D of the step vectors, or None where the encoder has none.
        maps: channels of each map from fine to coarse; empty where the encoder has none.
        flow: whether flow is predicted.
    """

    clip: int
    steps: int | None = None
    maps: tuple[int, ...] = ()
    flow: bool = False

    def need_steps(self, who: str) -> int:
        """D of the step vectors, or an InputError that says `who` needs them."""
        if self.steps is None:
            raise InputError(f"{who} needs step vectors (B, S, D); this encoder has none")
        return self.steps


@dataclass(frozen=True, repr=False)
class Features:
    """What an encoder makes of a batch of clips.

    Attributes:
        clip: one vector per clip, (B, D).
        steps: one vector per step along the clip, (B, S, D), or None.
        window: frames that one step sees.
        stride: frames between the starts of neighbouring steps.
        maps: feature maps (B, S, C_l, H_l, W_l) from fine to coarse, or None.
        flow: where each frame goes next, for encoders that predict it, or None: what pixel p of
            the next frame shows is expected to be in this one at p + flow(p), in pixels of the
            frame, x then y, (B, S, 2, H, W).
    """

    clip: Tensor
    steps: Tensor | None = None
    window: int = 1
    stride: int = 1
    maps: tuple[Tensor, ...] | None = None
    flow: Tensor | None = None

    def __post_init__(self) -> None:
        if self.clip.ndim != 2:
            raise ValueError(f"clip must be (B, D), got {_shape(self.clip)}")
        if self.steps is not None and self.steps.ndim != 3:
            raise ValueError(f"steps must be (B, S, D), got {_shape(self.steps)}")

    def __repr__(self) -> str:
        maps = None if self.maps is None else [_shape(m) for m in self.maps]
        steps = None if self.steps is None else _shape(self.steps)
        return f"Features(clip={_shape(self.clip)}, steps={steps}, maps={maps})"

    def of(self, clips: slice) -> Features:
        """The features of some of the clips."""
        return self._each(lambda tensor: tensor[clips])

    def to(self, device: torch.device | str) -> Features:
        """The same features with their tensors on `device`."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Features:
        return replace(
            self,
            clip=change(self.clip),
            steps=None if self.steps is None else change(self.steps),
            maps=None if self.maps is None else tuple(map(change, self.maps)),
            flow=None if self.flow is None else change(self.flow),
        )

    def need_steps(self, who: str) -> Tensor:
        """The step vectors (B, S, D), or an InputError that says `who` needs them."""
        if self.steps is None:
            raise InputError(f"{who} needs step features (B, S, D); this encoder has none")
        return self.steps

    def need_maps(self, who: str) -> tuple[Tensor, ...]:
        """The feature maps, or an InputError that says `who` needs them."""
        if not self.maps:
            raise InputError(f"{who} needs feature maps (B, S, C, H, W); this encoder has none")
        return self.maps

    def need_flow(self, who: str) -> Tensor:
        """The predicted flow, or an InputError that says `who` needs it."""
        if self.flow is None:
            raise InputError(f"{who} needs predicted flow (B, S, 2, H, W); this encoder has none")
        return self.flow


class FrameFeatures(NamedTuple):
    """What a backbone makes of N frames.

    Attributes:
        vector: (N, D).
        maps: (N, C_l, H_l, W_l) from fine to coarse.
    """

    vector: Tensor
    maps: tuple[Tensor, ...]


@dataclass(frozen=True)
class Losses:
    """An objective's scalar and the named parts it is made of."""

    total: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.total.ndim != 0:
            raise ValueError(f"total must be a scalar, got {_shape(self.total)}")


@dataclass(frozen=True, repr=False)
class Prediction:
    """What a head says of a batch of clips.

    Attributes:
        votes: class scores before the softmax, (B, S, K): a vote of each step, or of each
            classifier where a head has several.
        probabilities: what the votes come to, (B, K).
        state: what to carry on to the clips that follow, or None.
    """

    votes: Tensor
    probabilities: Tensor
    state: tuple[Tensor, ...] | None = None

    def __post_init__(self) -> None:
        if self.votes.ndim != 3:
            raise ValueError(f"votes must be (B, S, K), got {_shape(self.votes)}")
        if self.probabilities.shape != (self.votes.shape[0], self.votes.shape[2]):
            raise ValueError(f"probabilities must be (B, K), got {_shape(self.probabilities)}")


def _shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
