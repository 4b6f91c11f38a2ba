"""The letters of all shapes, and the data types that the parts of the package exchange.

Letters: B batch, T time (frames of a clip), S steps (of an encoder along a clip), C channels,
H height, W width, D features, K classes, L flow fields in a stack.

Clips are ``(B, T, C, H, W)``. Pixels keep their decoded values, 0 to 255; the first layer of an
encoder converts them into the input of its network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple

import torch
from torch import Tensor

from selfvid.errors import InputError

FLOW_ZERO = 128
"""The eight-bit code of zero flow; codes above it are positive, codes below it negative."""


@dataclass(frozen=True, repr=False)
class Clip:
    """T frames cut from one video, or T fields of its optical flow.

    Attributes:
        frames: decoded pixels, uint8 (T, 3, H, W); for flow its codes, uint8 (T, 2, H, W), or
            (T, 4, H, W) with two channels of forward and two channels of backward flow.
        times: presentation time of each frame in seconds, float64 (T,).
        video: content id of the video that the frames were cut from.
        label: class index, or None for an unlabelled video.
        step: for flow, pixels per code, where code 128 is zero; None for pixels.
        places: indices of the frames in the file, int64 (T,); None if they are not recorded.
        flow: for pixels, the flow from each frame to the next if it is read beside them, in pixels
            of the frame, float32 (T - 1, 2, H, W).
    """

    frames: Tensor
    times: Tensor
    video: str
    label: int | None = None
    step: float | None = None
    places: Tensor | None = None
    flow: Tensor | None = None

    def __post_init__(self) -> None:
        if self.frames.ndim != 4 or self.frames.dtype != torch.uint8:
            raise ValueError(f"frames must be uint8 (T, C, H, W), got {_shape(self.frames)}")
        if self.times.shape != self.frames.shape[:1]:
            raise ValueError(
                f"times must be (T,) = ({len(self.frames)},), got {_shape(self.times)}"
            )
        length, _, *size = self.frames.shape
        if self.flow is not None and self.flow.shape != (length - 1, 2, *size):
            raise ValueError(
                f"flow must be {(length - 1, 2, *size)} (T - 1, 2, H, W), got {_shape(self.flow)}"
            )

    def __repr__(self) -> str:
        return f"Clip({_shape(self.frames)}, video={self.video!r}, label={self.label})"


@dataclass(frozen=True, repr=False)
class ClipBatch:
    """A batch of clips of one size and length.

    Attributes:
        frames: pixels or codes of flow, uint8 (B, T, C, H, W).
        times: presentation times in seconds, float64 (B, T).
        videos: content id of each clip's video.
        labels: class indices, int64 (B,), or None if a clip has no label.
        faults: one line for each clip that could not be read and was replaced by another.
        steps: for flow, pixels per code in each clip, (B,); None for pixels.
        flow: for pixels, the flow from each frame to the next if it is read beside them, in pixels
            of the frame, float32 (B, T - 1, 2, H, W).
    """

    frames: Tensor
    times: Tensor
    videos: tuple[str, ...]
    labels: Tensor | None = None
    faults: tuple[str, ...] = ()
    steps: Tensor | None = None
    flow: Tensor | None = None

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
        """Return the batch with its tensors on `device`."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> ClipBatch:
        """Return the batch in page-locked memory; a DataLoader calls this method."""
        return self._each(Tensor.pin_memory)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors that the batch has, by the names of its attributes."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if isinstance(value, Tensor)}

    def _each(self, change: Callable[[Tensor], Tensor]) -> ClipBatch:
        changed = {name: change(tensor) for name, tensor in self.tensors.items()}
        return replace(self, **changed)  # type: ignore[arg-type]

    def clip(self) -> Tensor:
        """Return the input of an encoder, (B, T, C, H, W): pixels 0 to 255, or flow in pixels."""
        if self.steps is None:
            return self.frames
        # In place: a batch of flow is large, and each further copy costs as much as reading it.
        pixels = self.frames.to(torch.float32, copy=True)
        return pixels.sub_(FLOW_ZERO).mul_(self.steps.view(-1, 1, 1, 1, 1))

    @staticmethod
    def of(clips: list[Clip], faults: tuple[str, ...] = ()) -> ClipBatch:
        """Collate clips of one size and length."""
        shapes = {tuple(clip.frames.shape) for clip in clips}
        if len(shapes) > 1:
            raise ValueError(f"clips of a batch must have one shape, got {sorted(shapes)}")
        labels = [clip.label for clip in clips if clip.label is not None]
        steps = [clip.step for clip in clips if clip.step is not None]
        flow = [clip.flow for clip in clips if clip.flow is not None]
        return ClipBatch(
            frames=torch.stack([clip.frames for clip in clips]),  # (B, T, C, H, W)
            times=torch.stack([clip.times for clip in clips]).double(),  # (B, T)
            videos=tuple(clip.video for clip in clips),
            labels=torch.tensor(labels) if len(labels) == len(clips) else None,  # (B,)
            faults=faults,
            steps=torch.tensor(steps) if steps else None,  # (B,)
            flow=torch.stack(flow) if flow else None,  # (B, T - 1, 2, H, W)
        )


@dataclass(frozen=True)
class Widths:
    """The sizes D and C_l of an encoder's features, known before the encoder sees any data.

    Attributes:
        clip: D of the clip vector.
        steps: D of the step vectors, or None if the encoder has none.
        maps: number of channels of each map, from fine to coarse; empty if the encoder has none.
        flow: whether the encoder predicts optical flow.
    """

    clip: int
    steps: int | None = None
    maps: tuple[int, ...] = ()
    flow: bool = False

    def need_steps(self, who: str) -> int:
        """Return D of the step vectors.

        Args:
            who: name of the caller, for the error message.

        Raises:
            InputError: If the encoder has none.
        """
        if self.steps is None:
            raise InputError(f"{who} needs step vectors (B, S, D); this encoder has none")
        return self.steps


@dataclass(frozen=True, repr=False)
class Features:
    """The output of an encoder for a batch of clips.

    Attributes:
        clip: one vector per clip, (B, D).
        steps: one vector per step along the clip, (B, S, D), or None.
        window: number of frames that a step sees.
        stride: number of frames between the starts of neighbouring steps.
        maps: feature maps (B, S, C_l, H_l, W_l) from fine to coarse, or None.
        flow: predicted optical flow from each frame to the next, (B, S, 2, H, W), or None. What
            pixel p of the next frame shows is expected in this frame at p + flow(p). Flow is in
            pixels of the frame, x before y.
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

    def segments(self, count: int, *, user: str) -> Tensor:
        """Return the mean step of each of `count` parts along the clip, side by side, (B, count D).

        Args:
            count: number of parts, of equal length as far as possible.
            user: who needs them, for the error message.

        Raises:
            InputError: If there are fewer steps than parts, or no steps.
        """
        steps = self.need_steps(user)
        if steps.shape[1] < count:
            raise InputError(
                f"segments is {count}; expected at most {steps.shape[1]}, "
                "the steps that this encoder makes of a clip"
            )
        return torch.cat([part.mean(1) for part in steps.tensor_split(count, 1)], 1)

    def of(self, clips: slice) -> Features:
        """Return the features of some of the clips."""
        return self._each(lambda tensor: tensor[clips])

    def to(self, device: torch.device | str) -> Features:
        """Return the features with their tensors on `device`."""
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
        """Return the step vectors (B, S, D).

        Args:
            who: name of the caller, for the error message.

        Raises:
            InputError: If the encoder has none.
        """
        if self.steps is None:
            raise InputError(f"{who} needs step features (B, S, D); this encoder has none")
        return self.steps

    def need_maps(self, who: str) -> tuple[Tensor, ...]:
        """Return the feature maps.

        Args:
            who: name of the caller, for the error message.

        Raises:
            InputError: If the encoder has none.
        """
        if not self.maps:
            raise InputError(f"{who} needs feature maps (B, S, C, H, W); this encoder has none")
        return self.maps

    def need_flow(self, who: str) -> Tensor:
        """Return the predicted flow.

        Args:
            who: name of the caller, for the error message.

        Raises:
            InputError: If the encoder predicts none.
        """
        if self.flow is None:
            raise InputError(f"{who} needs predicted flow (B, S, 2, H, W); this encoder has none")
        return self.flow


class FrameFeatures(NamedTuple):
    """The output of a backbone for N frames.

    Attributes:
        vector: one vector per frame, (N, D).
        maps: feature maps (N, C_l, H_l, W_l) from fine to coarse.
    """

    vector: Tensor
    maps: tuple[Tensor, ...]


@dataclass(frozen=True)
class Losses:
    """The loss of an objective.

    Attributes:
        total: the loss, a scalar.
        parts: named parts of the loss, scalars, for the log.
    """

    total: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.total.ndim != 0:
            raise ValueError(f"total must be a scalar, got {_shape(self.total)}")


@dataclass(frozen=True, repr=False)
class Prediction:
    """The output of a head for a batch of clips.

    Attributes:
        votes: class scores before the softmax, (B, S, K): one vote per step, or per classifier if
            a head has several.
        probabilities: class probabilities computed from the votes, (B, K).
        state: recurrent state to pass on with the next clips, or None.
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
