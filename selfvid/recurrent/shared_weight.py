"""A weight that many steps multiply with, and whose gradient is made once for all of them.

Left to itself, autograd makes a gradient of the weight at every step, from the few rows of that
step, and adds it up: for a large weight, time spent on memory. The gradient is one product:

    sum over steps of  dy_t^T x_t  =  [dy_1; dy_2; ...]^T [x_1; x_2; ...]

So each step hands both its factors back, as the gradients of two slips that take no memory, and
whoever gave out the slips has them all together. Nothing is kept beside autograd's own graph,
which frees it as ever, differentiates twice, and compiles.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Size, Tensor
from torch.autograd import Function
from torch.nn import functional


class SharedWeight:
    """``x -> x weight^T`` for up to `steps` batches x (B, D) of one shape and number format.

    Args:
        weight: a matrix (out, D).
        steps: how often it is called at most.
    """

    def __init__(self, weight: Tensor, *, steps: int) -> None:
        self._weight, self._steps = weight, steps
        self._slips: list[tuple[Tensor, Tensor]] | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """The product (B, out), in the format of x."""
        if self._slips is None:
            self._weight = self._weight.to(x.dtype)
            outcome = Size((x.shape[0], self._weight.shape[0]))
            slips = _Slips.apply(self._weight, x.shape, outcome, self._steps)
            self._slips = list(zip(slips[::2], slips[1::2], strict=True))
        return _Product.apply(x, self._weight, *self._slips.pop())


class _Slips(Function):
    """Two slips for every step, one of the shape of x and one of that of y."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, x: Size, y: Size, steps: int) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)  # a step that was not taken has nothing to hand back
        return tuple(weight.new_zeros(()).expand(shape) for shape in (x, y) * steps)

    @staticmethod
    def backward(ctx: Any, *factors: Tensor | None) -> Any:  # noqa: ARG004
        x = [factor for factor in factors[::2] if factor is not None]
        dy = [factor for factor in factors[1::2] if factor is not None]
        return torch.cat(dy).t() @ torch.cat(x) if x else None, None, None, None


class _Product(Function):
    """The product of one step; what would be the weight's gradient goes to the slips."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, *slips: Tensor) -> Tensor:  # noqa: ARG004
        ctx.save_for_backward(x, weight)
        return functional.linear(x, weight)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        return dy @ weight if ctx.needs_input_grad[0] else None, None, x, dy
