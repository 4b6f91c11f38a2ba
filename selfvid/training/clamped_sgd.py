"""Stochastic gradient descent whose every single update is bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


class ClampedSGD(torch.optim.Optimizer):
    """Momentum, with each element of the update clamped to -bound..bound.

    Srivastava et al. (ICML 2015) train with it: what their code calls a gradient clip acts on the
    update that momentum has gathered, learning rate and all, and what was cut off is forgotten::

        update = clamp(momentum * update - rate * (gradient + weight_decay * weight))
        weight = weight + update

    Args:
        params: weights, or groups of them.
        lr: learning rate.
        bound: of each element of an update.
        momentum: share of the update before that is kept.
        weight_decay: added to the gradient, times the weight.
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
        """One update of every weight that has a gradient."""
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
