from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from selfvid.errors import InputError
from selfvid.heads.average import Average
from selfvid.heads.base import Head
from selfvid.types import Features, Widths
from tests.heads.features import WIDTHS, features
from tests.heads.kinds import loss_of, made


def test_the_average_is_the_mean_loss_of_single_frames() -> None:
    head = made("average")
    whole = features()
    assert whole.steps is not None
    labels = torch.tensor([3, 0, 1])
    each = [functional.cross_entropy(head.last(step), labels) for step in whole.steps.unbind(1)]  # type: ignore[operator]
    torch.testing.assert_close(loss_of(head, whole, labels), torch.stack(each).mean())


def test_the_answer_is_the_mean_softmax_of_a_linear_layer_on_each_step() -> None:
    torch.manual_seed(0)
    head = Average(Widths(clip=2, steps=2), 3, dropout=0.5).eval()
    steps = torch.randn(1, 4, 2)
    by_hand = torch.zeros(3)
    for step in steps[0]:
        votes = torch.stack([weight @ step for weight in head.last.weight]) + head.last.bias
        by_hand += votes.exp() / votes.exp().sum() / 4
    found = head(Features(steps.mean(1), steps))
    torch.testing.assert_close(found.probabilities[0], by_hand)
    assert found.state is None


def test_in_training_elements_of_the_vector_are_dropped() -> None:
    torch.manual_seed(0)
    head = Average(Widths(clip=1000), 2, dropout=0.25)
    kept = head.dropout(torch.ones(1000)).bool().float().mean()
    assert 0.7 < kept < 0.8
    whole = Features(torch.ones(1, 1000))
    assert not torch.equal(head(whole).votes, head(whole).votes)
    head.eval()
    assert torch.equal(head(whole).votes, head(whole).votes)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Average(WIDTHS, 1), "Average needs at least 2 classes, got 1"),
        (lambda: Average(WIDTHS, 3, dropout=1.0), "dropout is 1.0; expected a share to drop"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(make: Callable[[], Head], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as raised:
        make()
    assert "\n" not in str(raised.value)
