import pytest
import torch
from lightly.loss import VICRegLoss as Lightlys
from torch import Tensor

from selfvid.objectives.vicreg import VICRegLoss

WEIGHTS = {"invariance": 7.0, "variance": 3.0, "covariance": 0.3}


def vicreg() -> VICRegLoss:
    return VICRegLoss(projection=16, **WEIGHTS)


def views() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 6, 4, generator=generator)
    return 0.7 * a, 0.7 * a + 0.2 * b


def test_the_terms_are_those_of_the_paper_in_loops() -> None:
    a, b = views()
    parts = vicreg()(a, b).parts
    count, features = a.shape
    invariance = variance = covariance = 0.0
    for i in range(count):
        invariance += sum((float(a[i, d]) - float(b[i, d])) ** 2 for d in range(features))
    for view in (a.tolist(), b.tolist()):
        mean = [sum(row[d] for row in view) / count for d in range(features)]

        def together(
            c: int, d: int, view: list[list[float]] = view, m: list[float] = mean
        ) -> float:
            return sum((row[c] - m[c]) * (row[d] - m[d]) for row in view) / (count - 1)

        for d in range(features):
            variance += max(0.0, 1 - (together(d, d) + 1e-4) ** 0.5) / features / 2
            covariance += sum(together(c, d) ** 2 for c in range(features) if c != d) / features
    # The authors' code takes the mean over features too, where the paper has their sum.
    assert parts["invariance"].item() == pytest.approx(invariance / count / features, rel=1e-5)
    assert parts["variance"].item() == pytest.approx(variance, rel=1e-5)
    assert parts["covariance"].item() == pytest.approx(covariance, rel=1e-5)


def test_the_weighted_terms_sum_to_the_total() -> None:
    losses = vicreg()(*views())
    weighted = sum(weight * losses.parts[name].item() for name, weight in WEIGHTS.items())
    assert losses.total.item() == pytest.approx(weighted, rel=1e-6)


def test_total_and_gradient_are_bit_for_bit_those_of_lightly() -> None:
    a, b = (view.requires_grad_() for view in views())
    ours = vicreg()(a, b).total
    theirs = Lightlys(*WEIGHTS.values())(a, b)
    assert torch.equal(ours, theirs)
    wanted = torch.autograd.grad(theirs, (a, b))
    for mine, other in zip(torch.autograd.grad(ours, (a, b)), wanted, strict=True):
        assert torch.equal(mine, other)


def test_a_collapsed_embedding_pays_for_its_variance_alone() -> None:
    parts = vicreg()(torch.ones(5, 4), torch.ones(5, 4)).parts
    assert parts["invariance"] == 0
    assert parts["covariance"] == 0
    assert parts["variance"].item() == pytest.approx(1 - 1e-4**0.5)
