"""Several cells on top of one another, which together are a cell again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

from torch import Tensor, nn

from selfvid.errors import InputError
from selfvid.recurrent.cell import Cell, State, Step


class Stack(Cell):
    """Layer l takes the output of layer l - 1 of the same step.

    The state is that of the top layer, then of the one below, and so on down, so that the output
    comes first as in every state. `unroll` runs a stack layer by layer, which is faster; `step`
    runs all layers for one step, as feedback needs it.

    Args:
        cells: layers from the bottom up.

    Raises:
        InputError: where there is no cell, or one does not take what the one below puts out.
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
        """The layers from the bottom up."""
        return cast(list[Cell], list(self.layers))

    def split(self, state: State | None) -> list[State | None]:
        """The state of each layer from the bottom up."""
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
        """One state of the layers' states from the bottom up: the reverse of `split`."""
        return tuple(tensor for state in reversed(states) for tensor in state)

    def _project(self, x: Tensor, fresh: bool) -> Tensor:
        return self.cells[0].project(x, fresh=fresh)

    def blank(self) -> Tensor:
        """The bottom layer's."""
        return self.cells[0].blank()

    def step(self, projected: Tensor, state: State | None) -> State:
        """The states of all layers after one step, top layer first."""
        return self._step(projected, state, [cell.step for cell in self.cells])

    def stepping(self, steps: int) -> Step:
        """`step`, with what every layer makes of a run."""
        layers = [cell.stepping(steps) for cell in self.cells]
        return lambda projected, state: self._step(projected, state, layers)

    def _step(self, projected: Tensor, state: State | None, layers: Sequence[Step]) -> State:
        after: list[State] = []
        for cell, step, before in zip(self.cells, layers, self.split(state), strict=True):
            if after:
                below = after[-1][0].unsqueeze(1)
                projected = cell.project(below, fresh=before is None).squeeze(1)
            after.append(step(projected, before))
        return self.join(after)

    def initial(self, like: Tensor) -> State:
        """States of zeros of all layers, top layer first."""
        return self.join([cell.initial(like) for cell in self.cells])
