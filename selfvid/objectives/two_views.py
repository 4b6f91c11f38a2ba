"""Two views of a clip, its pixels and its optical flow, whose encoders teach one another.

The pictures and the motion of a clip are two views of one event. That networks of the two can
learn from one another without labels is known from contrastive learning of video: CoCLR (Han, Xie
and Zisserman, NeurIPS 2020, arXiv:2010.09709) takes the neighbours in one view as positives for the
other. Here the two views of a clip are a positive pair by themselves, and the loss is any loss on
pairs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from selfvid.encoders.base import Encoder
from selfvid.errors import InputError
from selfvid.flow.stack import flip_flow
from selfvid.objectives.base import Objective
from selfvid.objectives.pairs import PairLoss, nearest_frames
from selfvid.types import Losses


class TwoViews(Objective):
    """Give the pixels of a clip and the flow between its frames vectors that belong together.

    ::

        frames   a   b   c   d    ->  encoder       ->  projection  -> one view
        flow       1   2   3      ->  flow_encoder  ->  projection  -> the other view

    Each encoder has a projection head of its own, which is thrown away after training. Both
    encoders are exported; a temporal and a spatial stream can begin with them.

    Args:
        encoder: encoder of pixels.
        flow_encoder: encoder of forward flow.
        loss: loss of the two views of each clip; the first view is the pixels.
        mirror: probability that left and right of a clip's flow are swapped, but not those of its
            pixels. Vectors then lose what tells a movement from its mirror image, and whether
            someone moves to the left or to the right is not found in them.

    Raises:
        InputError: If the two encoders do not take pixels and forward flow, or `mirror` is no
            probability.
    """

    needs_flow = True
    least_clips = 2

    def __init__(
        self, encoder: Encoder, *, flow_encoder: Encoder, loss: PairLoss, mirror: float = 0.0
    ) -> None:
        super().__init__()
        if (encoder.in_channels, flow_encoder.in_channels) != (3, 2):
            raise InputError(
                f"encoder takes {encoder.in_channels} channels and flow_encoder "
                f"{flow_encoder.in_channels}; expected 3, which is pixels, and 2, forward flow"
            )
        if not 0 <= mirror <= 1:
            raise InputError(f"mirror is {mirror}; expected a probability from 0 to 1")
        self.encoder, self.flow_encoder = encoder, flow_encoder
        self.projector = loss.projector(encoder.widths.clip)
        self.flow_projector = loss.projector(flow_encoder.widths.clip)
        self.loss, self.mirror = loss, mirror

    @property
    def encoders(self) -> dict[str, Encoder]:
        """The encoder of pixels and the encoder of flow."""
        return {"encoder": self.encoder, "flow_encoder": self.flow_encoder}

    @property
    def least_frames(self) -> int:
        """The smallest T of a clip in which each encoder has a step."""
        return max(self.encoder.window, self.flow_encoder.window + 1)

    def forward(self, clip: Tensor, flow: Tensor | None = None) -> Losses:
        """Compute the loss of clips (B, T, 3, H, W) and of the flow between their frames.

        The parts are those that the loss names.

        Args:
            clip: pixels 0 to 255.
            flow: the field from each frame to the next, (B, T - 1, 2, H, W) in pixels.
        """
        if flow is None:
            raise InputError("TwoViews got clips without flow; expected the flow beside them")
        if self.mirror:
            swapped = (torch.rand(len(flow)) < self.mirror).to(flow.device)
            flow = torch.where(swapped[:, None, None, None, None], flip_flow(flow), flow)
        pixels = self.projector(self.encoder(clip).clip)  # (B, D')
        motion = self.flow_projector(self.flow_encoder(flow).clip)  # (B, D')
        return self.loss.of_all(pixels, motion)

    def preview(self, clip: Tensor) -> dict[str, Tensor]:
        """Return the picture of `nearest_frames` for the vectors of the clips' pixels."""
        return {"neighbours": nearest_frames(clip, self.encoder(clip).clip[:, None])}
