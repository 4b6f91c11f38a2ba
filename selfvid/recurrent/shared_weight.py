"""A weight that is used at many steps, with one gradient product for all steps.

Autograd itself computes a gradient of the weight at every step, from the few rows of that step,
and sums these gradients; with a large weight, most of the time goes into reading and writing
memory. The sum is one product:

    sum over steps of  dy_t^T x_t  =  [dy_1; dy_2; ...]^T [x_1; x_2; ...]

So there are two placeholder tensors for each step, which take no memory. The backward pass of a
step returns its two factors as the gradients of its placeholders, and the backward pass of the
function that made the placeholders receives the factors of all steps. All of this is part of
autograd's own graph, so memory is freed as usual, and second derivatives and compilation work.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Size, Tensor
from torch.autograd import Function
from torch.nn import functional


class SharedWeight:
    """The function ``x -> x weight^T`` for up to `steps` batches x (B, D) of one shape and format.

    Args:
        weight: a matrix (out, D).
        steps: largest number of calls.
    """

    def __init__(self, weight: Tensor, *, steps: int) -> None:
        self._weight, self._steps = weight, steps
        self._placeholders: list[tuple[Tensor, Tensor]] | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Compute the product (B, out), in the number format of x."""
        if self._placeholders is None:
            self._weight = self._weight.to(x.dtype)
            outcome = Size((x.shape[0], self._weight.shape[0]))
            placeholders = _Placeholders.apply(self._weight, x.shape, outcome, self._steps)
            self._placeholders = list(zip(placeholders[::2], placeholders[1::2], strict=True))
        return _Product.apply(x, self._weight, *self._placeholders.pop())


class _Placeholders(Function):
    """Makes two placeholders for each step, with the shapes of x and of y."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, x: Size, y: Size, steps: int) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)  # a step that was not taken has no factors: None, not 0
        return tuple(weight.new_zeros(()).expand(shape) for shape in (x, y) * steps)

    @staticmethod
    def backward(ctx: Any, *factors: Tensor | None) -> Any:  # noqa: ARG004
        x = [factor for factor in factors[::2] if factor is not None]
        dy = [factor for factor in factors[1::2] if factor is not None]
        return torch.cat(dy).t() @ torch.cat(x) if x else None, None, None, None


class _Product(Function):
    """The product of one step; its placeholders get the factors of the weight's gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, *placeholders: Tensor) -> Tensor:  # noqa: ARG004
        ctx.save_for_backward(x, weight)
        return functional.linear(x, weight)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        return dy @ weight if ctx.needs_input_grad[0] else None, None, x, dy
