"""Several cells on top of one another, which together are a cell too."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

from torch import Tensor, nn

from selfvid.errors import InputError
from selfvid.recurrent.cell import Cell, State, Step


class Stack(Cell):
    """Cells of which each takes the output of the one below at the same step.

    The state has the tensors of the top layer first and those of the lowest layer last, so that
    the output comes first as in every state. `unroll` runs a stack layer by layer, which is
    faster; `step` runs all layers for one step, which is needed if outputs are fed back.

    Args:
        cells: layers from the lowest to the top.

    Raises:
        InputError: If there is no cell, or the output of a cell does not fit the one above.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        super().__init__()
        if not cells:
            raise InputError("a stack needs at least 1 layer, got 0")
        for number, (below, above) in enumerate(pairwise(cells), start=2):
            if above.inputs != below.hidden or above.axes != below.axes:
                raise InputError(
                    f"layer {number} takes {above.inputs} channels on {above.axes} axes; the layer "
                    f"below puts out {below.hidden} on {below.axes}"
                )
        self.layers = nn.ModuleList(cells)
        self.inputs, self.hidden = cells[0].inputs, cells[-1].hidden
        self.widths = tuple(width for cell in reversed(cells) for width in cell.widths)
        self.axes = cells[0].axes

    @property
    def cells(self) -> list[Cell]:
        """The layers from the lowest to the top."""
        return cast(list[Cell], list(self.layers))

    def split(self, state: State | None) -> list[State | None]:
        """Split a state into the states of the layers, from the lowest to the top."""
        if state is None:
            return [None] * len(self.cells)
        parts: list[State | None] = []
        end = len(state)
        for cell in self.cells:
            parts.append(state[end - len(cell.widths) : end])
            end -= len(cell.widths)
        return parts

    @staticmethod
    def join(states: Sequence[State]) -> State:
        """Join the states of the layers, from the lowest to the top: the inverse of `split`."""
        return tuple(tensor for state in reversed(states) for tensor in state)

    def _project(self, x: Tensor, fresh: bool) -> Tensor:
        return self.cells[0].project(x, fresh=fresh)

    def blank(self) -> Tensor:
        """Return the biases of the lowest layer."""
        return self.cells[0].blank()

    def step(self, projected: Tensor, state: State | None) -> State:
        """Compute the states of all layers after one step, top layer first."""
        return self._step(projected, state, [cell.step for cell in self.cells])

    def stepping(self, steps: int) -> Step:
        """Return `step` with the `stepping` functions of all layers."""
        layers = [cell.stepping(steps) for cell in self.cells]
        return lambda projected, state: self._step(projected, state, layers)

    def _step(self, projected: Tensor, state: State | None, layers: Sequence[Step]) -> State:
        after: list[State] = []
        for cell, step, before in zip(self.cells, layers, self.split(state), strict=True):
            if after:
                below = after[-1][0].unsqueeze(1)  # (B, 1, D, ...)
                projected = cell.project(below, fresh=before is None).squeeze(1)
            after.append(step(projected, before))
        return self.join(after)

    def initial(self, like: Tensor) -> State:
        """Return states of zeros of all layers, top layer first."""
        return self.join([cell.initial(like) for cell in self.cells])
