"""Activities in untrimmed video, clip by clip (Montes et al., NIPS workshop 2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfvid.backbones.layered import checked_dropout
from selfvid.errors import InputError
from selfvid.heads.base import Head, first_state
from selfvid.recurrent import PeepholeLSTM, State
from selfvid.types import Features, Prediction, Widths

BACKGROUND = 0
"""Class of clips in which nothing goes on, where one thing at a time does."""

NO_CLIP = -1
"""Label of the places behind the last clip of a window; they count for nothing."""


class ActivityDetector(Head):
    """Batch norm, dropout, LSTM, dropout and a dense layer on the vectors of a video's clips.

    Steps are whole clips here, one after the other along a video; `Prediction.state` carries the
    LSTM on to the clips that follow. Votes are of background and K activities (B, S, K + 1), a
    softmax; or of K activities (B, S, K), a sigmoid each, where several go on at once.

    Args:
        widths: D of the steps.
        classes: K activities.
        several: whether several may go on at once.
        hidden: units of each layer of the LSTM.
        layers: how many lie on top of one another.
        dropout: share dropped of what the LSTM reads, and of what it puts out.
        background: weight in the loss of a clip in which nothing goes on; others have 1.
        forget_bias: of the LSTM at the start; 1 as in Keras.

    Raises:
        InputError: where an argument cannot be, or the encoder has no steps.
    """

    def __init__(
        self,
        widths: Widths,
        classes: int,
        *,
        several: bool = False,
        hidden: int = 512,
        layers: int = 1,
        dropout: float = 0.5,
        background: float = 0.3,
        forget_bias: float = 1.0,
    ) -> None:
        super().__init__(widths, classes + 1)  # nothing at all is told apart too
        if background < 0:
            raise InputError(f"background is {background}; expected a weight of 0 or more")
        inputs = widths.need_steps("ActivityDetector")
        self.classes = classes
        self.several, self.background = several, background
        self.norm = TrueStepsNorm(inputs)
        self.before, self.after = (checked_dropout("dropout", dropout) for _ in range(2))
        self.lstm = PeepholeLSTM(
            inputs, hidden, layers=layers, peepholes=False, forget_bias=forget_bias
        )
        self.last = nn.Linear(hidden, classes if several else classes + 1)

    def forward(self, features: Features, state: State | None = None) -> Prediction:
        """A vote on each clip; `state` is the LSTM's, to carry on with."""
        return self.along(features.need_steps("ActivityDetector"), state)

    def along(
        self, steps: Tensor, state: State | None = None, *, lengths: Tensor | None = None
    ) -> Prediction:
        """Votes along sequences of clips, which may differ in length.

        Args:
            steps: vectors of clips, (B, S, D).
            state: left by the clips before these.
            lengths: true number of clips of each sequence, (B,); None where all have S.
        """
        inputs = self.before(self.norm(steps, lengths))
        outputs, after = self.lstm(inputs, first_state(state, steps), lengths=lengths)
        votes: Tensor = self.last(self.after(outputs))  # (B, S, K + 1), or (B, S, K)
        counted = true_steps(votes, lengths).unsqueeze(-1)  # (B, S, 1)
        kept = torch.where(counted, self.chances(votes), votes.new_zeros(()))
        return Prediction(votes, kept.sum(1) / counted.sum(1).clamp_min(1), after)

    def chances(self, votes: Tensor) -> Tensor:
        """Probability of each class in each clip, float32 of the shape of `votes`."""
        return votes.float().sigmoid() if self.several else votes.float().softmax(-1)

    def loss(self, prediction: Prediction, labels: Tensor) -> Tensor:
        """Weighted cross-entropy of the true clips, divided by their number as Keras does.

        Args:
            prediction: what this head has said.
            labels: class of each clip (B, S), 0 for none; or 0 and 1 for each activity (B, S, K);
                `NO_CLIP` behind the end of a sequence.
        """
        votes = prediction.votes.float()
        true = (labels != NO_CLIP).all(-1) if self.several else labels != NO_CLIP
        labels = labels.clamp_min(0)
        if self.several:
            truth = labels.to(votes.dtype)
            each = functional.binary_cross_entropy_with_logits(votes, truth, reduction="none")
            each, nothing = each.mean(-1), ~labels.bool().any(-1)
        else:
            each = functional.cross_entropy(
                votes.flatten(0, 1), labels.flatten(), reduction="none"
            ).unflatten(0, labels.shape)
            nothing = labels == BACKGROUND
        each = torch.where(nothing, self.background * each, each)
        return each[true].sum() / true.sum().clamp_min(1)


class TrueStepsNorm(nn.BatchNorm1d):
    """Batch norm of vectors (B, S, D) that does not see what lies behind the end of a sequence."""

    def forward(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The vectors normalised; zeros behind the end."""
        true = true_steps(steps, lengths)
        vectors = steps[true]
        if len(vectors) > 1:
            found = super().forward(vectors)
        else:  # of one vector there is no deviation, and of none no mean either
            found = functional.batch_norm(
                vectors, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        # Set behind a product, which autocast may have rounded, so types are made equal.
        return torch.zeros_like(steps).masked_scatter(true.unsqueeze(-1), found.to(steps.dtype))


def true_steps(steps: Tensor, lengths: Tensor | None) -> Tensor:
    """Which of the steps (B, S, ...) are before the end of their sequence, bool (B, S)."""
    places = torch.arange(steps.shape[1], device=steps.device).expand(steps.shape[:2])
    return places >= 0 if lengths is None else places < lengths.to(steps.device)[:, None]
