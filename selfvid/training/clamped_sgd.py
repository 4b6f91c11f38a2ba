"""Stochastic gradient descent with momentum and a bound on each element of an update."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


class ClampedSGD(torch.optim.Optimizer):
    """SGD with momentum that clamps each element of the update to -bound..bound.

    The published code of Srivastava et al. (ICML 2015) trains with it. What this code calls
    gradient clipping is applied to the accumulated update, learning rate included, and the part
    that is cut off is lost::

        update = clamp(momentum * update - rate * (gradient + weight_decay * weight))
        weight = weight + update

    Args:
        params: weights, or parameter groups.
        lr: learning rate.
        bound: largest absolute value of an element of an update.
        momentum: fraction of the previous update that is added to the next one.
        weight_decay: factor of the weight that is added to its gradient.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        *,
        lr: float,
        bound: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "bound": bound, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update every weight that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._update(weights, group)
        return loss

    def _update(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        if group["weight_decay"]:
            gradients = list(torch._foreach_add(gradients, weights, alpha=group["weight_decay"]))
        for weight in weights:
            if "update" not in self.state[weight]:
                self.state[weight]["update"] = torch.zeros_like(weight)
        updates = [self.state[weight]["update"] for weight in weights]
        torch._foreach_mul_(updates, group["momentum"])
        torch._foreach_add_(updates, gradients, alpha=-group["lr"])
        torch._foreach_clamp_min_(updates, -group["bound"])
        torch._foreach_clamp_max_(updates, group["bound"])
        torch._foreach_add_(weights, updates)
