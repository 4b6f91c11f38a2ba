"""What a recurrent cell is: one step, with the work that needs no state split off.

A cell owns no loop; `selfvid.recurrent.unroll` does. Shapes end in ``...``, which is nothing for
cells on vectors and H, W for cells on maps; the gates of a step lie side by side on the axis
after time.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from selfvid.errors import InputError
from selfvid.saving.recorded import Recorded

State = tuple[Tensor, ...]
"""What a step leaves behind; the output h comes first."""

Step = Callable[[Tensor, State | None], State]
"""What `Cell.step` is: a projection and the state before it, to the state after."""


class Cell(Recorded, nn.Module, ABC):
    """One step of a recurrent network.

    What is added up over time is kept in the number format of the weights, which autocast leaves
    at float32; products and outputs are in autocast's.

    Attributes:
        inputs: C of the inputs; 0 for a cell that never has any and so has no weights for them.
        hidden: D of the output h.
        widths: channels of each tensor of a state; the first is `hidden`.
        axes: axes of a step behind (B, C), 0 for vectors and 2 for maps.
    """

    axes: int
    inputs: int
    hidden: int
    widths: tuple[int, ...]

    def project(self, x: Tensor, *, fresh: bool = False) -> Tensor:
        """Everything that inputs contribute to a step, for all steps at once.

        Args:
            x: inputs, (B, T, C, ...).
            fresh: whether the sequence begins with x and no state comes before it. A cell whose
                first step has weights of its own uses them for the first time step of x.

        Returns:
            Pre-activations of the gates with their biases, (B, T, gates, ...).

        Raises:
            InputError: where `check_input` does.
        """
        self.check_input(x)
        return self._project(x, fresh)

    def check_input(self, x: Tensor) -> None:
        """Refuse what is not a batch of this cell's input sequences.

        Raises:
            InputError: where x is not (B, T, `inputs`, ...) with T of at least 1.
        """
        if not self.inputs:
            raise InputError(f"{type(self).__name__} was made without inputs and takes none")
        if x.ndim != 3 + self.axes or x.shape[2] != self.inputs or x.shape[1] < 1:
            wanted = ", ".join(["B", "T >= 1", str(self.inputs), "H", "W"][: 3 + self.axes])
            raise InputError(f"{type(self).__name__} takes ({wanted}), got {tuple(x.shape)}")

    @abstractmethod
    def _project(self, x: Tensor, fresh: bool) -> Tensor: ...

    @abstractmethod
    def blank(self) -> Tensor:
        """The projection of a step without input: the biases, (gates, ...) to broadcast."""

    @abstractmethod
    def step(self, projected: Tensor, state: State | None) -> State:
        """The state after one step.

        Args:
            projected: this step's part of `project`, (B, gates, ...), or `blank`.
            state: the state before; None stands for zeros and costs nothing.
        """

    def stepping(self, steps: int) -> Step:  # noqa: ARG002
        """`step` for one run of at most `steps` steps, of which a cell may take advantage."""
        return self.step

    @abstractmethod
    def initial(self, like: Tensor) -> State:
        """A state of zeros for inputs or projections `like` (B, T, any, ...)."""

    def zeros(self, like: Tensor, dtype: torch.dtype) -> Tensor:
        """One tensor (B, D, ...) of a state of zeros."""
        return like.new_zeros(like.shape[0], self.hidden, *like.shape[3:], dtype=dtype)


def product_dtype(weight: Tensor) -> torch.dtype:
    """The number format that products with `weight` have now: autocast's, where it is on."""
    device = weight.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype


def spread(weight: Tensor, bound: float | None) -> None:
    """Fill `weight` (out, in, ...) uniformly from -bound to bound.

    None is one over the root of what is summed for one output, as in PyTorch's own layers.
    """
    reach = 1 / math.sqrt(weight[0].numel()) if bound is None else bound
    nn.init.uniform_(weight, -reach, reach)


def check_sizes(who: str, *, inputs: int, hidden: int, kernel: int = 1) -> None:
    """Refuse sizes that no cell can have.

    Raises:
        InputError: where hidden is below 1, inputs below 0, or the kernel even or below 1.
    """
    if hidden < 1 or inputs < 0:
        raise InputError(
            f"{who} needs hidden >= 1 and inputs >= 0, got hidden={hidden}, inputs={inputs}"
        )
    if kernel < 1 or kernel % 2 == 0:
        raise InputError(f"{who} needs an odd kernel to keep H and W, got {kernel}")
