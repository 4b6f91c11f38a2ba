"""Two windows of a video as two views, for the losses on pairs.

After CVRL (Qian, Meng, Gong, Yang, Wang, Belongie and Cui, Spatiotemporal contrastive video
representation learning, CVPR 2021, arXiv:2008.03800): two clips of one video that are near in time
are a positive pair, and each is augmented on its own, all of its frames alike.
"""

from __future__ import annotations

from torch import Tensor

from selfvid.encoders.base import Encoder
from selfvid.errors import InputError
from selfvid.objectives.base import Objective
from selfvid.objectives.pairs import PairLoss, nearest_frames
from selfvid.types import Losses


class WindowPairs(Objective):
    """A loss on the two halves of each clip, which are windows of one video.

    ::

        clip       a a a a a a a a b b b b b b b b     as `PairedClips` cuts it
        segments   |  1  |  2  |   |  1  |  2  |       means of steps, side by side
        view       one             the other

    With one segment the vector of a window is the mean of its steps, which does not tell their
    order. With several segments, the vector also tells what comes first.

    Args:
        encoder: any encoder with step features.
        loss: loss of the two views of each clip.
        segments: parts of a window whose mean steps make up its vector.

    Raises:
        InputError: If the encoder has no steps, or `segments` is not positive.
    """

    least_clips = 2

    def __init__(self, encoder: Encoder, *, loss: PairLoss, segments: int = 1) -> None:
        super().__init__()
        if segments < 1:
            raise InputError(f"segments is {segments}; expected 1 or more")
        self.encoder, self.segments = encoder, segments
        self.projector = loss.projector(segments * encoder.widths.need_steps("WindowPairs"))
        self.loss = loss

    @property
    def least_frames(self) -> int:
        """The smallest T of a clip whose halves have a step for each segment."""
        return 2 * self.encoder.frames_for(self.segments)

    def shown(self, frames: int) -> int:
        """Return the frames of a window: the encoder is given one window at a time."""
        return frames // 2

    def forward(self, clip: Tensor) -> Losses:
        """Compute the loss of clips (B, T, C, H, W), each of which is two windows of T / 2 frames.

        The parts are those that the loss names.

        Raises:
            InputError: If T is odd.
        """
        if clip.shape[1] % 2:
            raise InputError(
                f"clips have {clip.shape[1]} frames; expected two windows of the same length, as "
                "PairedClips cuts them"
            )
        windows = clip.unflatten(1, (2, -1)).flatten(0, 1)  # (2B, T / 2, C, H, W), without a copy
        vectors = self.encoder(windows).segments(self.segments, user="WindowPairs")  # (2B, D)
        projected = self.projector(vectors)  # (2B, D')
        a, b = projected.unflatten(0, (-1, 2)).unbind(1)  # (B, D') each
        return self.loss.of_all(a, b)

    def preview(self, clip: Tensor) -> dict[str, Tensor]:
        """Return the picture of `nearest_frames` for the vectors of the first windows."""
        window = clip[:, : self.shown(clip.shape[1])]
        vectors = self.encoder(window).segments(self.segments, user="WindowPairs")
        return {"neighbours": nearest_frames(clip, vectors[:, None])}
