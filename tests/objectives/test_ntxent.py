import math

import pytest
import torch
from lightly.loss import NTXentLoss as Lightlys
from torch import Tensor

from selfvid.objectives.ntxent import NTXentLoss

TEMPERATURE = 0.3


def ntxent() -> NTXentLoss:
    return NTXentLoss(hidden=16, projection=8, temperature=TEMPERATURE)


def views() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 5, 3, generator=generator)
    return a, a + b


def similarity(x: list[float], y: list[float]) -> float:
    dot = sum(p * q for p, q in zip(x, y, strict=True))
    return dot / math.hypot(*x) / math.hypot(*y)


def test_loss_and_terms_are_those_of_a_loop_over_pairs() -> None:
    a, b = views()
    losses = ntxent()(a, b)
    rows = a.tolist() + b.tolist()
    alignment, distribution = [], []
    for i, row in enumerate(rows):
        partner = (i + 5) % 10
        alignment.append(-similarity(row, rows[partner]) / TEMPERATURE)
        others = [similarity(row, rows[j]) / TEMPERATURE for j in range(10) if j != i]
        distribution.append(math.log(sum(math.exp(other) for other in others)))
    found = {name: part.item() for name, part in losses.parts.items()}
    assert found["alignment"] == pytest.approx(sum(alignment) / 10, rel=1e-5)
    assert found["distribution"] == pytest.approx(sum(distribution) / 10, rel=1e-5)
    assert losses.total.item() == pytest.approx((sum(alignment) + sum(distribution)) / 10, rel=1e-5)


def test_the_terms_sum_to_the_total() -> None:
    losses = ntxent()(*views())
    summed = sum(part.item() for part in losses.parts.values())
    assert losses.total.item() == pytest.approx(summed, rel=1e-6)


def test_equal_frames_are_aligned_as_well_as_can_be() -> None:
    a, _ = views()
    losses = ntxent()(a, a)
    assert losses.parts["alignment"].item() == pytest.approx(-1 / TEMPERATURE)


def test_naming_the_terms_changes_neither_loss_nor_gradient() -> None:
    a, b = (view.requires_grad_() for view in views())
    losses = ntxent()(a, b)
    plain = Lightlys(TEMPERATURE)(a, b)
    assert torch.equal(losses.total, plain)
    assert not any(part.requires_grad for part in losses.parts.values())
    for ours, theirs in zip(
        torch.autograd.grad(losses.total, (a, b)), torch.autograd.grad(plain, (a, b)), strict=True
    ):
        assert torch.equal(ours, theirs)
