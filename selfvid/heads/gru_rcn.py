"""GRU-RCN: a convolutional GRU along each level of feature maps (Ballas et al., ICLR 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfvid.backbones.layered import checked_dropout
from selfvid.errors import InputError
from selfvid.heads.base import Head, log_mean_probability, without_maps
from selfvid.recurrent import BottomUpGRUCell, Cell, ConvGRUCell, Recurrent, State
from selfvid.types import Features, Prediction, Widths

_MOST_HIDDEN = 512  # channels of a GRU; the most that the paper has, on maps of 512 channels


class GRURCN(Head):
    """One ConvGRU per level and one classifier on each last state; the softmaxes are averaged.

    ::

        maps of level l ──▶ ConvGRU ──▶ last state ──▶ mean over H, W ──▶ dropout ──▶ linear

    On VGG-16 (``levels=[1, 2, 3, 4]`` are pool2 to pool5, the vector is fc7) the paper's hidden
    channels are ``[64, 128, 256, 256, 512]``.

    Args:
        widths: C_l of the encoder's maps, D of its steps.
        classes: K.
        levels: numbers of the maps to use, from fine to coarse, counted from 0; None takes all.
            No number leaves the vectors alone, the paper's VGG-16 RNN.
        vector: whether the step vectors are one more level, as maps of 1x1.
        hidden: channels of each level's GRU, with that of the vectors last; None takes half of
            the level's channels, at most 512.
        kernel: side of the convolutions, odd; on the vectors it is 1.
        bidirectional: whether each level has a second GRU, which runs from the end of the clip to
            its start; the classifier then takes the last states of both.
        stacked: whether the gates of a level also take the state of the level below, brought to
            the same size by maximum pooling.
        dropout: share of the pooled state that is dropped in training.

    Raises:
        InputError: If the encoder has no such levels, if neither maps nor vectors are levels, or
            an argument is invalid.
    """

    def __init__(
        self,
        widths: Widths,
        classes: int,
        *,
        levels: Sequence[int] | None = None,
        vector: bool = True,
        hidden: Sequence[int] | None = None,
        kernel: int = 3,
        bidirectional: bool = False,
        stacked: bool = False,
        dropout: float = 0.7,
    ) -> None:
        super().__init__(widths, classes)
        self.levels = _checked_levels(widths, levels, vector=vector)
        self.vector, self.stacked = vector, stacked
        channels = [widths.maps[level] for level in self.levels]
        kernels = [kernel] * len(channels)
        if vector:
            width = widths.need_steps("GRURCN with vector")
            channels, kernels = [*channels, width], [*kernels, 1]
        self.hidden = _checked_hidden(hidden, channels)
        self.forwards = self._grus(channels, kernels)
        self.backwards = self._grus(channels, kernels) if bidirectional else None
        self.dropout = checked_dropout("dropout", dropout)
        self.last = nn.ModuleList(
            nn.Linear(width * (2 if bidirectional else 1), classes) for width in self.hidden
        )

    def forward(self, features: Features, state: State | None = None) -> Prediction:
        """Compute a vote of each level's classifier; there is no state to continue from."""
        del state
        maps = features.need_maps("GRURCN") if self.levels else ()
        x = [maps[level] for level in self.levels]
        if self.vector:
            x.append(features.need_steps("GRURCN")[..., None, None])  # (B, S, D, 1, 1)
        ends = self._run(self.forwards, x, reverse=False)
        if self.backwards is not None:
            others = self._run(self.backwards, x, reverse=True)
            ends = [torch.cat(pair, 1) for pair in zip(ends, others, strict=True)]  # (B, 2 D_l)
        votes = torch.stack(
            [last(self.dropout(end)) for last, end in zip(self.last, ends, strict=True)], 1
        )  # (B, levels, K)
        return Prediction(votes, log_mean_probability(votes).exp())

    def reads(self, features: Features) -> Features:
        """Return the maps of the head's levels, and the vectors if they are a level too."""
        if not self.levels:
            return without_maps(features)
        maps = tuple(
            level if number in self.levels else level[:, :0]
            for number, level in enumerate(features.need_maps("GRURCN"))
        )
        steps = features.steps if self.vector else None
        return replace(features, maps=maps, steps=steps, flow=None)

    def loss(self, prediction: Prediction, labels: Tensor) -> Tensor:
        """Compute the negative logarithm of the label's averaged probability, mean over clips."""
        return functional.nll_loss(log_mean_probability(prediction.votes), labels)

    def _grus(self, channels: Sequence[int], kernels: Sequence[int]) -> nn.ModuleList:
        """Make the recurrent layer of each level."""
        below = [None, *self.hidden[:-1]] if self.stacked else [None] * len(channels)
        cells: list[Cell] = [
            ConvGRUCell(inputs, hidden, kernel=kernel)
            if under is None
            else BottomUpGRUCell(inputs, under, hidden, kernel=kernel)
            for inputs, under, hidden, kernel in zip(
                channels, below, self.hidden, kernels, strict=True
            )
        ]
        return nn.ModuleList(map(Recurrent, cells))

    def _run(self, grus: nn.ModuleList, x: Sequence[Tensor], *, reverse: bool) -> list[Tensor]:
        """Compute the last state of each level, averaged over H and W, (B, D_l)."""
        ends: list[Tensor] = []
        below: Tensor | None = None
        for gru, maps in zip(grus, x, strict=True):
            if self.stacked and below is not None:
                maps = torch.cat((maps, _shrunk(below, maps.shape[-2:]).to(maps.dtype)), 2)
            below, state = gru(maps, reverse=reverse)
            ends.append(state[0].mean((2, 3)))
        return ends


def _shrunk(states: Tensor, size: Sequence[int]) -> Tensor:
    """Bring states (B, S, D, H, W) to a smaller H and W by maximum pooling."""
    pooled = functional.adaptive_max_pool2d(states.flatten(0, 1), list(size))
    return pooled.unflatten(0, states.shape[:2])


def _checked_levels(widths: Widths, levels: Sequence[int] | None, *, vector: bool) -> list[int]:
    if vector and levels is not None and not len(levels):
        return []
    count = len(widths.maps)
    if not count:
        raise InputError("GRURCN reads feature maps (B, S, C, H, W); this encoder has none")
    chosen = list(range(count)) if levels is None else list(levels)
    rising = all(one < next_one for one, next_one in pairwise(chosen))
    if not chosen or not rising or chosen[0] < 0 or chosen[-1] >= count:
        raise InputError(
            f"levels are {chosen}; expected increasing numbers of the encoder's {count} maps, "
            "from 0"
        )
    return chosen


def _checked_hidden(hidden: Sequence[int] | None, channels: Sequence[int]) -> list[int]:
    if hidden is None:
        return [max(1, min(_MOST_HIDDEN, width // 2)) for width in channels]
    if len(hidden) != len(channels):
        raise InputError(
            f"hidden has {len(hidden)} entries; expected {len(channels)}, one per level"
        )
    return list(hidden)
