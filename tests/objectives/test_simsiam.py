import math

import pytest
import torch
from torch import Tensor, nn

from selfvid.objectives.simsiam import SimSiamLoss


def simsiam(predictor: nn.Module) -> SimSiamLoss:
    loss = SimSiamLoss(projection=3)
    loss.predictor = predictor  # the losses are then easy to do by hand
    return loss


def views() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 4, 3, generator=generator)
    return a, b


def negative_cosine(x: Tensor, y: Tensor) -> float:
    total = 0.0
    for p, q in zip(x.tolist(), y.tolist(), strict=True):
        dot = sum(one * other for one, other in zip(p, q, strict=True))
        total -= dot / math.hypot(*p) / math.hypot(*q)
    return total / len(x)


def test_each_direction_is_the_cosine_of_a_prediction_and_its_target() -> None:
    turn = nn.Linear(3, 3, bias=False)
    nn.init.orthogonal_(turn.weight)
    a, b = views()
    parts = simsiam(turn)(a, b).parts
    assert parts["next"].item() == pytest.approx(negative_cosine(turn(a), b), rel=1e-5)
    assert parts["previous"].item() == pytest.approx(negative_cosine(turn(b), a), rel=1e-5)
    assert abs(parts["next"].item() - parts["previous"].item()) > 1e-3


def test_the_total_is_the_mean_of_both_directions() -> None:
    losses = simsiam(nn.Linear(3, 3))(*views())
    halves = [part.item() / 2 for part in losses.parts.values()]
    assert losses.total.item() == pytest.approx(sum(halves), rel=1e-6)


def test_no_gradient_flows_to_a_target() -> None:
    a, b = (view.requires_grad_() for view in views())
    parts = simsiam(nn.Identity())(a, b).parts
    parts["next"].backward(retain_graph=True)
    assert a.grad is not None
    assert b.grad is None
    parts["previous"].backward()
    assert b.grad is not None


def test_a_perfect_prediction_reaches_minus_one() -> None:
    a, _ = views()
    losses = simsiam(nn.Identity())(a, 5 * a)
    assert losses.total.item() == pytest.approx(-1)
