import math

import pytest
import torch
from lightly.loss.lejepa_loss import SIGReg as Sketch
from lightly.loss.lejepa_loss import lejepa_invariance_loss
from torch import Tensor

from selfvid.objectives.sigreg import SIGRegLoss

WEIGHT = 0.2


def sigreg() -> SIGRegLoss:
    return SIGRegLoss(hidden=16, projection=4, weight=WEIGHT, directions=64)


def views() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 40, 4, generator=generator)
    return a, a + 0.1 * b


def test_the_prediction_term_is_the_mean_square_distance_from_the_middle_of_a_pair() -> None:
    a, b = views()
    part = sigreg()(a, b).parts["prediction"]
    squares = [((x - y) / 2) ** 2 for x, y in zip(a.flatten(), b.flatten(), strict=True)]
    assert part.item() == pytest.approx(float(sum(squares)) / len(squares), rel=1e-5)


def test_the_regularisation_of_a_collapsed_embedding_is_an_integral_by_hand() -> None:
    a = torch.zeros(40, 4)  # whatever the direction, its characteristic function is 1
    part = sigreg()(a, a).parts["regularisation"]

    def integrand(t: float) -> float:
        gaussian = math.exp(-(t**2) / 2)
        return (1 - gaussian) ** 2 * gaussian

    width = 3 / 16  # 17 places from 0 to 3, by the trapezoidal rule; the same from -3 to 0
    values = [integrand(place * width) for place in range(17)]
    area = 2 * width * (sum(values) - (values[0] + values[-1]) / 2)
    assert part.item() == pytest.approx(40 * area, rel=1e-4)


def test_a_gaussian_embedding_costs_less_than_one_of_another_size() -> None:
    a, _ = views()
    torch.manual_seed(0)
    gaussian, small, large = (
        sigreg()(scale * a, scale * a).parts["regularisation"].item() for scale in (1.0, 0.2, 4.0)
    )
    assert gaussian < 0.2 * min(small, large)


def test_the_weighted_terms_sum_to_the_total() -> None:
    losses = sigreg()(*views())
    weighted = WEIGHT * losses.parts["regularisation"] + (1 - WEIGHT) * losses.parts["prediction"]
    assert losses.total.item() == pytest.approx(weighted.item(), rel=1e-6)


def test_the_total_is_bit_for_bit_that_of_lightlys_terms() -> None:
    a, b = views()
    loss = sigreg()
    torch.manual_seed(0)
    ours = loss(a, b).total
    both = torch.stack((a, b))
    torch.manual_seed(0)
    sketched = WEIGHT * Sketch(num_vectors=64)(both)
    pulled = (1 - WEIGHT) * lejepa_invariance_loss(all_proj=both, global_proj=both)
    assert torch.equal(ours, sketched + pulled)
