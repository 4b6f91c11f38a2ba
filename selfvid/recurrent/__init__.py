"""Recurrent cells, the loop over time, and layers made of them."""

from selfvid.recurrent.cell import Cell, State
from selfvid.recurrent.conv_gru import BottomUpGRUCell, ConvGRUCell
from selfvid.recurrent.conv_lstm import ConvLSTMCell
from selfvid.recurrent.observation import LayerGates, observed_gates
from selfvid.recurrent.peephole_lstm import PeepholeLSTMCell
from selfvid.recurrent.sequences import ConvGRU, ConvLSTM, PeepholeLSTM, Recurrent
from selfvid.recurrent.stack import Stack
from selfvid.recurrent.unroll import Feedback, unroll, unroll_free

__all__ = [
    "BottomUpGRUCell",
    "Cell",
    "ConvGRU",
    "ConvGRUCell",
    "ConvLSTM",
    "ConvLSTMCell",
    "Feedback",
    "LayerGates",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "Recurrent",
    "Stack",
    "State",
    "observed_gates",
    "unroll",
    "unroll_free",
]
