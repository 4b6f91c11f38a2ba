"""Detection of activities in untrimmed video, clip by clip (Montes et al., NIPS workshop 2016)."""

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
"""Class of clips without activity, if at most one activity goes on at a time."""

NO_CLIP = -1
"""Label of the places after the last clip of a window; the loss ignores them."""


class ActivityDetector(Head):
    """Batch norm, dropout, LSTM, dropout and a dense layer on the vectors of a video's clips.

    A step is a whole clip here; steps follow one another along a video. The LSTM continues from
    `Prediction.state` with the clips that follow. If at most one activity goes on at a time, the
    votes are of background and K activities, (B, S, K + 1), with a softmax. If several may go on
    at once, they are of K activities, (B, S, K), with a sigmoid each.

    Args:
        widths: D of the steps.
        classes: K, the number of activities.
        several: whether several activities may go on at once.
        hidden: units of each layer of the LSTM.
        layers: number of layers of the LSTM.
        dropout: share of the LSTM's inputs, and of its outputs, that is dropped in training.
        background: weight in the loss of a clip without activity; other clips have weight 1.
        forget_bias: initial bias of the LSTM's forget gate; 1 as in Keras.

    Raises:
        InputError: If an argument is invalid, or the encoder has no steps.
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
        super().__init__(widths, classes + 1)  # background is a class too
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
        """Compute a vote on each clip; `state` is the LSTM's state after the clips before."""
        return self.along(features.need_steps("ActivityDetector"), state)

    def along(
        self, steps: Tensor, state: State | None = None, *, lengths: Tensor | None = None
    ) -> Prediction:
        """Compute votes along sequences of clips, which may differ in length.

        Args:
            steps: vectors of clips, (B, S, D).
            state: the state after the clips before these.
            lengths: true number of clips of each sequence, (B,); None if all have S.
        """
        inputs = self.before(self.norm(steps, lengths))  # (B, S, D)
        outputs, after = self.lstm(inputs, first_state(state, steps), lengths=lengths)
        votes: Tensor = self.last(self.after(outputs))  # (B, S, K + 1), or (B, S, K)
        counted = true_steps(votes, lengths).unsqueeze(-1)  # (B, S, 1)
        kept = torch.where(counted, self.chances(votes), votes.new_zeros(()))
        mean = kept.sum(1) / counted.sum(1).clamp_min(1)  # (B, K + 1), or (B, K)
        return Prediction(votes, mean, after)

    def chances(self, votes: Tensor) -> Tensor:
        """Compute the probability of each class in each clip, float32 in the shape of `votes`."""
        return votes.float().sigmoid() if self.several else votes.float().softmax(-1)

    def loss(self, prediction: Prediction, labels: Tensor) -> Tensor:
        """Compute the weighted cross-entropy of true clips, divided by their number as in Keras.

        Args:
            prediction: the output of `forward` or `along`.
            labels: the class of each clip, (B, S), with 0 for no activity. If several activities
                may go on at once, 0 or 1 for each activity, (B, S, K). `NO_CLIP` after the end of
                a sequence.
        """
        votes = prediction.votes.float()
        true = (labels != NO_CLIP).all(-1) if self.several else labels != NO_CLIP
        labels = labels.clamp_min(0)
        if self.several:
            truth = labels.to(votes.dtype)
            each = functional.binary_cross_entropy_with_logits(votes, truth, reduction="none")
            each, idle = each.mean(-1), ~labels.bool().any(-1)  # (B, S)
        else:
            each = functional.cross_entropy(
                votes.flatten(0, 1), labels.flatten(), reduction="none"
            ).unflatten(0, labels.shape)  # (B, S)
            idle = labels == BACKGROUND
        each = torch.where(idle, self.background * each, each)
        return each[true].sum() / true.sum().clamp_min(1)


class TrueStepsNorm(nn.BatchNorm1d):
    """Batch norm of vectors (B, S, D) that ignores the steps after the end of a sequence."""

    def forward(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Normalise the vectors; the steps after the end become zeros."""
        true = true_steps(steps, lengths)  # (B, S)
        vectors = steps[true]  # (N, D)
        if len(vectors) > 1:
            found = super().forward(vectors)
        else:  # a batch of one vector or none has no deviation: use the running statistics
            found = functional.batch_norm(
                vectors, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        # Under autocast their number formats may differ, which masked_scatter does not allow.
        return torch.zeros_like(steps).masked_scatter(true.unsqueeze(-1), found.to(steps.dtype))


def true_steps(steps: Tensor, lengths: Tensor | None) -> Tensor:
    """Mark the steps (B, S, ...) that are before the end of their sequence, bool (B, S)."""
    places = torch.arange(steps.shape[1], device=steps.device).expand(steps.shape[:2])
    return places >= 0 if lengths is None else places < lengths.to(steps.device)[:, None]
