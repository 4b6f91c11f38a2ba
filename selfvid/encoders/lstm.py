"""An LSTM over the frame vectors of a clip (Srivastava, Mansimov and Salakhutdinov, ICML 2015)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from selfvid.encoders.base import Encoder
from selfvid.encoders.vectors import FrameVectors
from selfvid.errors import InputError
from selfvid.recurrent import PeepholeLSTMCell, Stack, State, unroll
from selfvid.types import Features, Widths

Read = Literal["hidden", "memory", "both"]


class LSTMEncoder(Encoder):
    """Reads a clip frame by frame; the clip vector is read from the state after the last one.

    Args:
        vectors: clips to frame vectors.
        hidden: D of every layer.
        layers: how many lie on top of one another.
        read: what of the final state is the clip vector: the outputs of all layers (``hidden``),
            their memories (``memory``), or ``both``.
        peepholes: whether the gates see the memory.
        bound: weights start uniformly between -bound and bound (Srivastava: 0.01); None is one
            over the root of what is summed for one output.

    Raises:
        InputError: where layers is below 1.
    """

    def __init__(
        self,
        vectors: FrameVectors,
        *,
        hidden: int = 2048,
        layers: int = 1,
        read: Read = "both",
        peepholes: bool = True,
        bound: float | None = None,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise InputError(f"layers must be at least 1, got {layers}")
        if read not in ("hidden", "memory", "both"):
            raise InputError(f"read is {read!r}; expected hidden, memory or both")
        self.vectors = vectors
        self.window, self.in_channels = vectors.window, vectors.in_channels
        self.hidden, self.layers, self.read = hidden, layers, read
        self.peepholes, self.bound = peepholes, bound
        self.lstm = stacked_lstm(
            vectors.width, hidden, layers=layers, peepholes=peepholes, bound=bound
        )
        tensors = layers * (2 if read == "both" else 1)
        self.widths = Widths(clip=tensors * hidden, steps=hidden)

    def forward(self, clip: Tensor) -> Features:
        """Features with S = T steps (fewer where vectors see several frames), the top outputs."""
        vectors = self.vectors(clip)
        batch, parts = vectors.shape[:2]
        outputs, state = self.run(vectors.flatten(0, 1))
        return Features(
            clip=self._read(state).unflatten(0, (batch, parts)).mean(1),
            steps=outputs.unflatten(0, (batch, parts)).mean(1),
            window=self.window,
        )

    def run(self, vectors: Tensor) -> tuple[Tensor, State]:
        """Outputs (N, S, D) of the top layer and the final state, top layer first."""
        return unroll(self.lstm, vectors)

    def _read(self, state: State) -> Tensor:
        outputs, memories = state[::2], state[1::2]
        chosen = {"hidden": outputs, "memory": memories, "both": (*outputs, *memories)}[self.read]
        # A memory is kept in float32 beside outputs in bfloat16.
        return torch.cat([tensor.to(state[0].dtype) for tensor in chosen], 1)


def stacked_lstm(
    inputs: int, hidden: int, *, layers: int, peepholes: bool, bound: float | None
) -> Stack:
    """Layers of peephole LSTM; `inputs` of 0 makes one that runs by itself."""
    widths = [inputs, *[hidden] * (layers - 1)]
    return Stack(
        [PeepholeLSTMCell(width, hidden, peepholes=peepholes, bound=bound) for width in widths]
    )
