"""One small head of each kind."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from selfvid.heads.average import Average
from selfvid.heads.base import Head
from selfvid.heads.conv3d_lstm import Conv3dLSTM
from selfvid.heads.gru_rcn import GRURCN
from selfvid.heads.lrcn import LRCN
from selfvid.heads.mlp import MLP
from selfvid.types import Features, Widths
from tests.heads.features import CLASSES, WIDTHS

HEADS: dict[str, Callable[[Widths, int], Head]] = {
    "average": Average,
    "lrcn": partial(LRCN, hidden=7),
    "lrcn of two layers": partial(LRCN, hidden=7, layers=2, bound=None),
    "gru-rcn": GRURCN,
    "gru-rcn both ways": partial(GRURCN, bidirectional=True),
    "gru-rcn stacked": partial(GRURCN, stacked=True, bidirectional=True),
    "gru-rcn on one map": partial(GRURCN, levels=[1], vector=False),
    "mlp": MLP,
    "conv3d-lstm": partial(Conv3dLSTM, hidden=7),
}


def made(kind: str, seed: int = 0) -> Head:
    torch.manual_seed(seed)
    return HEADS[kind](WIDTHS, CLASSES)


def loss_of(head: Head, whole: Features, labels: Tensor) -> Tensor:
    return head.loss(head(whole), labels)
