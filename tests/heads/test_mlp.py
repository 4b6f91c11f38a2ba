from collections.abc import Callable

import pytest
import torch

from selfvid.errors import InputError
from selfvid.heads.base import Head
from selfvid.heads.mlp import MLP
from selfvid.types import Features, Widths
from tests.heads.features import WIDTHS


def test_votes_are_a_layer_on_the_tanh_of_a_layer() -> None:
    torch.manual_seed(0)
    head = MLP(Widths(clip=2, steps=2), 3, hidden=4, dropout=0.5).eval()
    steps = torch.randn(2, 5, 2)
    votes = head(Features(steps.mean(1), steps)).votes
    for clip in range(2):
        for place in range(5):
            hidden = [
                torch.tanh(weight @ steps[clip, place] + bias)
                for weight, bias in zip(head.first.weight, head.first.bias, strict=True)
            ]
            by_hand = [
                weight @ torch.stack(hidden) + bias
                for weight, bias in zip(head.last.weight, head.last.bias, strict=True)
            ]
            torch.testing.assert_close(votes[clip, place], torch.stack(by_hand))


def test_the_published_layers_have_their_parameters() -> None:
    head = MLP(Widths(clip=120, steps=120), 6)
    counted = sum(weight.numel() for weight in head.parameters())
    assert counted == 50 * (120 + 1) + 6 * (50 + 1)


def test_hidden_units_are_dropped_and_inputs_are_not() -> None:
    torch.manual_seed(0)
    head = MLP(Widths(clip=3), 2, hidden=400, dropout=0.25)
    seen = []
    head.last.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    head(Features(torch.randn(1, 3)))
    assert 0.15 < (seen[0] == 0).float().mean() < 0.35


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: MLP(WIDTHS, 3, hidden=0), "hidden must be at least 1, got 0"),
        (lambda: MLP(WIDTHS, 3, dropout=1.0), "dropout is 1.0"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(make: Callable[[], Head], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as raised:
        make()
    assert "\n" not in str(raised.value)
