"""The base class of recurrent cells, and functions that several cells share.

A cell computes one step; `selfvid.recurrent.unroll` has the loop over time. The work that does not
depend on the state is split off the step (`Cell.project`). Shapes end in ``...``, which stands for
nothing in cells on vectors and for H, W in cells on maps. The gates of a step are side by side on
the axis of channels.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfvid.errors import InputError
from selfvid.saving.recorded import Recorded

State = tuple[Tensor, ...]
"""The state after a step; the output h comes first."""

Step = Callable[[Tensor, State | None], State]
"""A function like `Cell.step`: from a projection and the state before to the state after."""

Observer = Callable[[Tensor, State | None, bool], None]
"""Gets the inputs of a run in the order of its steps, the state before it, and whether this order
is backward in time."""


class Cell(Recorded, nn.Module, ABC):
    """One step of a recurrent network.

    Tensors that accumulate over time are in the number format of the weights, which is float32
    under autocast too; products and outputs are in the format of autocast.

    Attributes:
        inputs: C of the inputs; 0 for a cell without inputs, which has no weights for them.
        hidden: D of the output h.
        widths: channels of each tensor of a state; the first is `hidden`.
        axes: number of axes of a step after (B, C): 0 for vectors and 2 for maps.
        observer: is called by `unroll` before it runs the cell; None for no call. See
            `selfvid.recurrent.observation`.
    """

    observer: Observer | None = None
    axes: int
    inputs: int
    hidden: int
    widths: tuple[int, ...]

    def project(self, x: Tensor, *, fresh: bool = False) -> Tensor:
        """Compute what the inputs contribute to each step, for all steps at once.

        Args:
            x: inputs, (B, T, C, ...).
            fresh: whether the sequence starts with x and there is no state before it. A cell
                whose first step has weights of its own uses them for the first step of x.

        Returns:
            Pre-activations of the gates with their biases, (B, T, gates, ...).

        Raises:
            InputError: If x is not (B, T, `inputs`, ...) with T of at least 1.
        """
        self.check_input(x)
        return self._project(x, fresh)

    def check_input(self, x: Tensor) -> None:
        """Check that x is a batch of input sequences of this cell.

        Raises:
            InputError: If x is not (B, T, `inputs`, ...) with T of at least 1.
        """
        if not self.inputs:
            raise InputError(f"{type(self).__name__} was made without inputs and takes none")
        if x.ndim != 3 + self.axes or x.shape[2] != self.inputs or x.shape[1] < 1:
            wanted = ", ".join(["B", "T >= 1", str(self.inputs), "H", "W"][: 3 + self.axes])
            raise InputError(f"{type(self).__name__} takes ({wanted}), got {tuple(x.shape)}")

    @abstractmethod
    def _project(self, x: Tensor, fresh: bool) -> Tensor:
        """Compute `project` for inputs that have been checked."""

    @abstractmethod
    def blank(self) -> Tensor:
        """Return the projection of a step without input: the biases, (gates, ...) to broadcast."""

    @abstractmethod
    def step(self, projected: Tensor, state: State | None) -> State:
        """Compute the state after one step.

        Args:
            projected: this step's part of `project`, (B, gates, ...), or `blank`.
            state: the state before; None stands for zeros and saves the products with them.
        """

    def gates(self, projected: Tensor, state: State | None) -> dict[str, Tensor]:  # noqa: ARG002
        """Return how far each gate is open in one step, from 0 to 1, by name; by default none.

        Args:
            projected: as for `step`.
            state: as for `step`.

        Returns:
            The gates, each (B, D, ...). The first one decides what the cell remembers.
        """
        return {}

    def stepping(self, steps: int) -> Step:  # noqa: ARG002
        """Return a function like `step` for one run of at most `steps` steps.

        A cell can prepare work here that is the same for all steps of the run.
        """
        return self.step

    @abstractmethod
    def initial(self, like: Tensor) -> State:
        """Return a state of zeros for inputs or projections `like` (B, T, any, ...)."""

    def zeros(self, like: Tensor, dtype: torch.dtype) -> Tensor:
        """Return one tensor (B, D, ...) of a state of zeros."""
        return like.new_zeros(like.shape[0], self.hidden, *like.shape[3:], dtype=dtype)


def product_dtype(weight: Tensor) -> torch.dtype:
    """Return the number format of products with `weight`: that of autocast, if it is on."""
    device = weight.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype


def convolve(maps: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolve maps (N, C, H, W) to (N, D, H, W), with zeros beyond the border."""
    return functional.conv2d(maps, weight, bias, padding=weight.shape[-1] // 2)


def convolve_steps(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolve sequences of maps (B, T, C, H, W) to (B, T, D, H, W), all steps in one call."""
    steps = x.permute(1, 0, 3, 4, 2).to(
        product_dtype(weight), memory_format=torch.contiguous_format
    )  # (T, B, H, W, C)
    maps = steps.flatten(0, 1).permute(0, 3, 1, 2)  # (T B, C, H, W), channels last
    return convolve(maps, weight, bias).unflatten(0, steps.shape[:2]).transpose(0, 1)


def spread(weight: Tensor, bound: float | None) -> None:
    """Fill `weight` (out, in, ...) uniformly from -bound to bound.

    With None, the bound is one over the root of the number of terms that are summed for one
    output (fan-in), as in PyTorch's own layers.
    """
    reach = 1 / math.sqrt(weight[0].numel()) if bound is None else bound
    nn.init.uniform_(weight, -reach, reach)


def check_sizes(who: str, *, inputs: int, hidden: int, kernel: int = 1) -> None:
    """Check the sizes of a cell.

    Raises:
        InputError: If hidden is below 1, inputs is below 0, or the kernel is even or below 1.
    """
    if hidden < 1 or inputs < 0:
        raise InputError(
            f"{who} needs hidden >= 1 and inputs >= 0, got hidden={hidden}, inputs={inputs}"
        )
    if kernel < 1 or kernel % 2 == 0:
        raise InputError(f"{who} needs an odd kernel to keep H and W, got {kernel}")
