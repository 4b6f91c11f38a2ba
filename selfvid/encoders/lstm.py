"""An encoder that runs an LSTM over the frame vectors of a clip.

After Srivastava, Mansimov and Salakhutdinov, Unsupervised learning of video representations using
LSTMs, ICML 2015.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from selfvid.encoders.base import Encoder
from selfvid.encoders.vectors import FrameVectors
from selfvid.errors import InputError
from selfvid.recurrent import PeepholeLSTMCell, Stack, State, unroll
from selfvid.types import Features, Widths

Read = Literal["hidden", "memory", "both", "mean"]


class LSTMEncoder(Encoder):
    """Runs an LSTM over frame vectors; the clip vector is taken from its final state.

    The step vectors are the outputs of the top layer.

    Args:
        vectors: the module that converts clips to frame vectors.
        hidden: D of each layer.
        layers: number of stacked layers.
        read: what is the clip vector: of the final state the outputs of all layers (``hidden``),
            their memory cells (``memory``), or ``both``; or the ``mean`` over time of the outputs
            of the top layer.
        peepholes: whether the gates read the memory cell (such connections are peepholes).
        bound: weights are drawn uniformly between -bound and bound (Srivastava: 0.01); None uses
            one over the square root of the fan-in.

    Raises:
        InputError: If layers is below 1, or `read` is not one of the choices.
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
        if read not in ("hidden", "memory", "both", "mean"):
            raise InputError(f"read is {read!r}; expected hidden, memory, both or mean")
        self.vectors = vectors
        self.window, self.in_channels = vectors.window, vectors.in_channels
        self.hidden, self.layers, self.read = hidden, layers, read
        self.peepholes, self.bound = peepholes, bound
        self.lstm = stacked_lstm(
            vectors.width, hidden, layers=layers, peepholes=peepholes, bound=bound
        )
        tensors = 1 if read == "mean" else layers * (2 if read == "both" else 1)
        self.widths = Widths(clip=tensors * hidden, steps=hidden)

    def forward(self, clip: Tensor) -> Features:
        """Compute features with S = T steps (fewer if a vector is made from several frames)."""
        vectors = self.vectors(clip)  # (B, P, S, D)
        batch, parts = vectors.shape[:2]
        outputs, state = self.run(vectors.flatten(0, 1))  # (B * P, S, D)
        vectors = outputs.mean(1) if self.read == "mean" else self._clip_vectors(state)  # (B P, D)
        return Features(
            clip=vectors.unflatten(0, (batch, parts)).mean(1),  # (B, D)
            steps=outputs.unflatten(0, (batch, parts)).mean(1),  # (B, S, D)
            window=self.window,
        )

    def run(self, vectors: Tensor) -> tuple[Tensor, State]:
        """Run the LSTM over vectors (N, S, D).

        Returns:
            Outputs (N, S, D) of the top layer, and the final state, top layer first.
        """
        return unroll(self.lstm, vectors)

    def _clip_vectors(self, state: State) -> Tensor:
        outputs, memories = state[::2], state[1::2]
        chosen = {"hidden": outputs, "memory": memories, "both": (*outputs, *memories)}[self.read]
        # Under autocast the memory is float32 and the outputs are bfloat16.
        return torch.cat([tensor.to(state[0].dtype) for tensor in chosen], 1)


def stacked_lstm(
    inputs: int, hidden: int, *, layers: int, peepholes: bool, bound: float | None
) -> Stack:
    """Build a stack of LSTM layers; with `inputs` of 0 the first layer has no input."""
    widths = [inputs, *[hidden] * (layers - 1)]
    return Stack(
        [PeepholeLSTMCell(width, hidden, peepholes=peepholes, bound=bound) for width in widths]
    )
