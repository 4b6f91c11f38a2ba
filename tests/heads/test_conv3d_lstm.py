from collections.abc import Callable

import pytest
import torch

from selfvid.errors import InputError
from selfvid.heads.base import Head
from selfvid.heads.conv3d_lstm import Conv3dLSTM
from selfvid.types import Features, Widths
from tests.heads.features import CLASSES, WIDTHS, features
from tests.heads.kinds import made


def test_a_majority_is_the_share_of_steps_that_hold_a_class_for_the_likeliest() -> None:
    head = Conv3dLSTM(WIDTHS, CLASSES, hidden=7, decide="majority").eval()
    prediction = head(features())
    for clip, votes in enumerate(prediction.votes):
        best = votes.argmax(-1).tolist()
        shares = [best.count(number) / len(best) for number in range(CLASSES)]
        assert prediction.probabilities[clip].tolist() == pytest.approx(shares)


def test_conv3d_lstm_carries_its_state_on() -> None:
    head = made("conv3d-lstm").eval()
    whole = features()
    assert whole.steps is not None
    before = head(Features(whole.clip, whole.steps[:, :2]))
    after = head(Features(whole.clip, whole.steps[:, 2:]), before.state)
    votes = torch.cat((before.votes, after.votes), 1)
    torch.testing.assert_close(votes, head(whole).votes, rtol=1e-5, atol=1e-6)


def test_the_lstm_has_peepholes_and_fifty_cells() -> None:
    head = Conv3dLSTM(Widths(clip=120, steps=120), 6)
    counted = sum(weight.numel() for weight in head.parameters())
    assert counted == 4 * 50 * (120 + 50 + 1) + 3 * 50 + 6 * (50 + 1)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Conv3dLSTM(Widths(clip=4), 3), "Conv3dLSTM needs step vectors"),
        (lambda: Conv3dLSTM(WIDTHS, 3, decide="last"), "decide is 'last'"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_is_refused_in_one_line(make: Callable[[], Head], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as raised:
        make()
    assert "\n" not in str(raised.value)
