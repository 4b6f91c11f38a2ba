"""Recurrent cells, the loop over time, and layers made of them."""

from selfvid.recurrent.cell import Cell, State
from selfvid.recurrent.conv_gru import BottomUpGRUCell, ConvGRUCell
from selfvid.recurrent.conv_lstm import ConvLSTMCell
from selfvid.recurrent.peephole_lstm import GateValues, PeepholeLSTMCell, gate_values
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
    "GateValues",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "Recurrent",
    "Stack",
    "State",
    "gate_values",
    "unroll",
    "unroll_free",
]
