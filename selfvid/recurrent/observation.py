"""Observing the gates of all recurrent layers of a network while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from selfvid.recurrent.cell import Cell, Observer, State


@dataclass(frozen=True, repr=False)
class LayerGates:
    """How far the gates of one layer were open along a run, in one of its directions.

    Attributes:
        values: the gates by name, each (B, T, D) from 0 (closed) to 1 (open); those of maps are
            averaged over H and W. Their steps are in the order of time.
        backward: whether the layer ran from the last step to the first.
    """

    values: dict[str, Tensor]
    backward: bool


@contextmanager
def observed_gates(network: nn.Module) -> Iterator[dict[str, LayerGates]]:
    """Observe the gates of all recurrent layers that `network` runs in this context.

    The outputs of the network stay the same. If a layer runs several times, only its first run is
    observed.

    Args:
        network: contains cells, which `unroll` runs.

    Yields:
        The gates of each layer that has run, by the name of its cell in the network.
    """
    found: dict[str, LayerGates] = {}
    cells = {name: each for name, each in network.named_modules() if isinstance(each, Cell)}
    try:
        for name, cell in cells.items():
            cell.observer = _observer(name, cell, found)
        yield found
    finally:
        for cell in cells.values():
            cell.observer = None


def _observer(name: str, cell: Cell, found: dict[str, LayerGates]) -> Observer:
    """Return an observer that puts the gates of the cell's first run into `found`."""

    def observe(x: Tensor, state: State | None, backward: bool) -> None:
        if name not in found:
            values = _gates_along(cell, x, state)
            if backward:
                values = {gate: each.flip(1) for gate, each in values.items()}
            found[name] = LayerGates(values, backward)

    return observe


@torch.no_grad()
def _gates_along(cell: Cell, x: Tensor, state: State | None) -> dict[str, Tensor]:
    """Compute the gates along inputs (B, T, C, ...), each (B, T, D)."""
    steps: list[dict[str, Tensor]] = []
    for projected in cell.project(x, fresh=state is None).unbind(1):
        opened = cell.gates(projected, state)
        steps.append(
            {
                gate: each.float().flatten(2).mean(2) if cell.axes else each.float()
                for gate, each in opened.items()
            }
        )
        state = cell.step(projected, state)
    return {gate: torch.stack([step[gate] for step in steps], 1) for gate in steps[0]}
