from typing import Any

import pytest
import torch
from torch import nn

from selfvid.training.clamped_sgd import ClampedSGD


def test_updates_are_clamped_and_what_was_cut_off_is_forgotten() -> None:
    weight = nn.Parameter(torch.tensor([1.0, 1.0]))
    optimiser = ClampedSGD([weight], lr=0.1, bound=0.05, momentum=0.9, weight_decay=0.5)
    by_hand, update = weight.detach().clone(), torch.zeros(2)
    for gradient in ([1.0, 0.01], [-0.2, 0.0], [0.0, -3.0]):
        weight.grad = torch.tensor(gradient)
        optimiser.step()
        update = (0.9 * update - 0.1 * (weight.grad + 0.5 * by_hand)).clamp(-0.05, 0.05)
        by_hand = by_hand + update
        torch.testing.assert_close(weight.detach(), by_hand)


def test_without_a_bound_in_reach_it_is_sgd_with_momentum() -> None:
    weight = nn.Parameter(torch.tensor([0.3, -2.0]))
    plain = nn.Parameter(weight.detach().clone())
    clamped = ClampedSGD([weight], lr=0.1, bound=100.0, momentum=0.8)
    sgd = torch.optim.SGD([plain], lr=0.1, momentum=0.8)
    for _ in range(4):
        for each, optimiser in ((weight, clamped), (plain, sgd)):
            optimiser.zero_grad()
            (each**2).sum().backward()
            optimiser.step()
    torch.testing.assert_close(weight, plain)


def test_each_group_has_its_own_rate_and_a_weight_without_gradient_stays() -> None:
    fast, slow, still = (nn.Parameter(torch.zeros(1)) for _ in range(3))
    groups: list[dict[str, Any]] = [{"params": [fast, still], "lr": 0.5}, {"params": [slow]}]
    optimiser = ClampedSGD(groups, lr=0.01, bound=1.0)
    fast.grad, slow.grad = torch.ones(1), torch.ones(1)
    optimiser.step()
    assert (fast.item(), still.item()) == (-0.5, 0)
    assert slow.item() == pytest.approx(-0.01)


def test_a_closure_is_called_with_gradients_and_its_loss_returned() -> None:
    weight = nn.Parameter(torch.tensor([2.0]))
    optimiser = ClampedSGD([weight], lr=0.1, bound=9.0)

    def closure() -> float:
        loss = (weight * 3).sum()
        loss.backward()
        return loss.item()

    assert optimiser.step(closure) == 6
    assert weight.item() == pytest.approx(2 - 0.1 * 3)
