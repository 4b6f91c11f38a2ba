"""Pretext tasks on time: an encoder learns to tell what was done to the time of a clip."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from selfvid.encoders.base import Encoder
from selfvid.errors import InputError
from selfvid.objectives.base import Objective
from selfvid.objectives.time_changes import TimeChange
from selfvid.pictures.frames import grid
from selfvid.types import Losses

_PREVIEWED = 9  # versions in a picture: all those of one clip or several, if there are no more
_FRAME_HEIGHT = 64  # of a frame in a picture, in pixels


class TemporalPretext(Objective):
    """Classify versions of a clip that differ in time only.

    ::

        clip ──▶ K versions ──▶ encoder ──▶ S step vectors side by side ──▶ which version?

    The change of time makes the task: `Shuffled` or `Sorted` frames, `Reversed` time or `Sped`
    playback. Every clip is shown in all versions, so that all classes are equally frequent, and an
    encoder that cannot tell them, or a clip that stands still, stays at an accuracy of 1 / K. The
    classifier sees the step vectors in their order, because their mean would not show it; it is
    thrown away after training.

    Args:
        encoder: an encoder of pixels with step vectors.
        change: what is done to time.
        steps: S of each version.
        hidden: D of a hidden layer of the classifier; None for a linear classifier. What a linear
            classifier tells from vectors of single frames is only how they change on average.

    Raises:
        InputError: If the encoder takes flow or has no step vectors, `steps` or `hidden` is below
            1, or `steps` gives versions that cannot be made.
    """

    whole_clips = True

    def __init__(
        self, encoder: Encoder, change: TimeChange, *, steps: int, hidden: int | None = None
    ) -> None:
        super().__init__()
        width = encoder.widths.need_steps("TemporalPretext")
        if encoder.in_channels != 3:
            raise InputError(
                f"encoder takes {encoder.in_channels} channels of flow; TemporalPretext expected "
                "pixels: the flow of a changed clip is not the changed flow of a clip"
            )
        if steps < 1 or encoder.frames_for(steps) < 2:
            raise InputError(
                f"steps is {steps}; expected a number of steps that see 2 frames or more together"
            )
        if hidden is not None and hidden < 1:
            raise InputError(f"hidden is {hidden}; expected 1 or more, or null for none")
        if encoder.one_length and steps > 1:
            raise InputError(
                f"steps is {steps}, and {type(encoder).__name__} gives one; expected 1, or a "
                "SlidingEncoder around it"
            )
        self.encoder, self.change, self.least_steps = encoder, change, steps
        self.directed = change.directed
        change.span(encoder.frames_for(steps))  # raises if versions cannot have so many frames
        versions = len(change.versions)
        if hidden is None:
            self.classifier: nn.Module = nn.Linear(steps * width, versions)
        else:
            self.classifier = nn.Sequential(
                nn.Linear(steps * width, hidden), nn.ReLU(), nn.Linear(hidden, versions)
            )

    @property
    def least_frames(self) -> int:
        """The frames of a clip from which all versions are made; of longer clips the middle."""
        return self.change.span(self.shown(0))

    def shown(self, frames: int) -> int:
        """Return how many frames each version has."""
        del frames
        return self.encoder.frames_for(self.least_steps)

    def forward(self, clip: Tensor) -> Losses:
        """Compute the cross-entropy of clips (B, T, 3, H, W), averaged over clips and versions.

        The part `accuracy` is the share of versions that are told rightly; chance is 1 / K.

        Raises:
            InputError: If the clips have fewer frames than `least_frames`.
        """
        scores = self.scores(self.versions(clip))  # (B, K, K)
        true = torch.arange(scores.shape[1], device=scores.device).expand(scores.shape[:2])
        total = cross_entropy(scores.flatten(0, 1), true.flatten())
        return Losses(total, {"accuracy": (scores.argmax(2) == true).float().mean()})

    def versions(self, clip: Tensor) -> Tensor:
        """Return the K versions of each clip, (B, K, T', 3, H, W) of T' shown frames."""
        batch, frames = clip.shape[:2]
        first = (frames - self.least_frames) // 2
        if first < 0:
            raise InputError(
                f"clips have {frames} frames; {type(self.change).__name__} expected at least "
                f"{self.least_frames}, for versions of {self.least_steps} steps"
            )
        numbers = self.change.frames(self.shown(frames), clips=batch).to(clip.device)
        clips = torch.arange(batch, device=clip.device)[:, None, None]
        return clip[clips, first + numbers]

    def scores(self, versions: Tensor) -> Tensor:
        """Return the classifier's scores of versions (B, K, T', 3, H, W), float32 (B, K, K)."""
        steps = self.encoder(versions.flatten(0, 1)).need_steps("TemporalPretext")  # (B K, S, D)
        scores: Tensor = self.classifier(steps.flatten(1))  # (B K, K)
        return scores.float().unflatten(0, versions.shape[:2])

    def preview(self, clip: Tensor) -> dict[str, Tensor]:
        """Return a picture of clips in their versions, each with the chance given to the truth."""
        clips = max(1, _PREVIEWED // len(self.change.versions))
        versions = self.versions(clip[:clips])  # (B, K, T', 3, H, W)
        chances = self.scores(versions).softmax(2).diagonal(dim1=1, dim2=2)  # (B, K)
        names = [*self.change.versions] * len(versions)
        captions = [
            f"{name}: {chance:.0%}" for name, chance in zip(names, chances.flatten(), strict=True)
        ]
        rows = versions.flatten(0, 1)[:_PREVIEWED].round().clamp(0, 255).to(torch.uint8).cpu()
        picture = grid([*rows], captions=captions[:_PREVIEWED], height=_FRAME_HEIGHT)
        return {"versions": torch.from_numpy(picture).permute(2, 0, 1)}
