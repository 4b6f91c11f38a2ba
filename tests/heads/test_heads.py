from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from selfvid.errors import InputError
from selfvid.heads.average import Average
from selfvid.heads.base import Head
from selfvid.heads.conv3d_lstm import Conv3dLSTM
from selfvid.heads.gru_rcn import GRURCN
from selfvid.heads.lrcn import LRCN
from selfvid.heads.mlp import MLP
from selfvid.types import Features, Widths
from tests.heads.features import BATCH, CLASSES, WIDTHS, features

HEADS: dict[str, Callable[[Widths, int], Head]] = {
    "average": Average,
    "lrcn": partial(LRCN, hidden=7),
    "lrcn of two layers": partial(LRCN, hidden=7, layers=2, bound=None),
    "gru-rcn": GRURCN,
    "gru-rcn both ways": partial(GRURCN, bidirectional=True),
    "gru-rcn stacked": partial(GRURCN, stacked=True, bidirectional=True),
    "gru-rcn on one map": partial(GRURCN, levels=[1], vector=False),
    "mlp": MLP,
    "conv3d-lstm": partial(Conv3dLSTM, hidden=7),
}


def loss_of(head: Head, whole: Features, labels: Tensor) -> Tensor:
    return head.loss(head(whole), labels)


def made(kind: str, seed: int = 0) -> Head:
    torch.manual_seed(seed)
    return HEADS[kind](WIDTHS, CLASSES)


@pytest.mark.parametrize("kind", HEADS)
def test_probabilities_are_what_the_votes_come_to(kind: str) -> None:
    prediction = made(kind).eval()(features())
    torch.testing.assert_close(prediction.probabilities.sum(1), torch.ones(BATCH))
    by_hand = torch.stack([vote.softmax(-1) for vote in prediction.votes.unbind(1)]).mean(0)
    torch.testing.assert_close(prediction.probabilities, by_hand)


@pytest.mark.parametrize("kind", HEADS)
def test_every_weight_learns(kind: str) -> None:
    head = made(kind)
    loss_of(head, features(), torch.tensor([0, 1, 2])).backward()
    for name, weight in head.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_overfits_a_batch(kind: str) -> None:
    head = made(kind).eval()  # without dropout
    optimiser = torch.optim.Adam(head.parameters(), lr=0.03)
    labels = torch.tensor([0, 1, 2])
    for _ in range(80):
        optimiser.zero_grad()
        loss_of(head, features(), labels).backward()
        optimiser.step()
    assert head(features()).probabilities.argmax(1).tolist() == [0, 1, 2]


def test_only_averages_of_single_steps_forget_the_order_of_frames() -> None:
    plain = features()
    assert plain.steps is not None
    assert plain.maps is not None
    turned = Features(
        clip=plain.clip, steps=plain.steps.flip(1), maps=tuple(m.flip(1) for m in plain.maps)
    )
    for kind in HEADS:
        head = made(kind).eval()
        same = torch.allclose(head(plain).probabilities, head(turned).probabilities, atol=1e-6)
        assert same == (kind in ("average", "mlp")), kind


def test_the_average_is_the_mean_loss_of_single_frames() -> None:
    head = made("average")
    whole = features()
    assert whole.steps is not None
    labels = torch.tensor([3, 0, 1])
    each = [functional.cross_entropy(head.last(step), labels) for step in whole.steps.unbind(1)]  # type: ignore[operator]
    torch.testing.assert_close(loss_of(head, whole, labels), torch.stack(each).mean())


@pytest.mark.parametrize("kind", ["average", "mlp"])
def test_an_encoder_without_steps_gives_one_vote_however_long_its_clips(kind: str) -> None:
    head = HEADS[kind](Widths(clip=6), CLASSES)
    prediction = head(Features(torch.randn(2, 6)))
    assert prediction.votes.shape == (2, 1, CLASSES)
    torch.testing.assert_close(prediction.probabilities, prediction.votes[:, 0].softmax(-1))


def test_lrcn_carries_its_state_on() -> None:
    head = made("lrcn of two layers").eval()
    whole = features()
    assert whole.steps is not None
    first = Features(whole.clip, whole.steps[:, :2])
    second = Features(whole.clip, whole.steps[:, 2:])
    before = head(first)
    after = head(second, before.state)
    torch.testing.assert_close(
        torch.cat((before.votes, after.votes), 1), head(whole).votes, rtol=1e-5, atol=1e-6
    )


def test_lrcn_is_pytorchs_lstm_with_votes() -> None:
    head = LRCN(WIDTHS, CLASSES, hidden=7, bound=None).eval()
    lstm = torch.nn.LSTM(6, 7, batch_first=True)
    own = {name.rpartition(".")[2]: value for name, value in head.lstm.state_dict().items()}
    weights = {
        "weight_ih_l0": own["input_weight"],
        "weight_hh_l0": own["recurrent_weight"],
        "bias_ih_l0": own["bias"],
        "bias_hh_l0": torch.zeros_like(own["bias"]),
    }
    lstm.load_state_dict(weights)
    whole = features()
    outputs, _ = lstm(whole.steps)
    torch.testing.assert_close(head(whole).votes, head.last(outputs))


def test_both_ways_end_at_the_first_frame_too() -> None:
    head = GRURCN(WIDTHS, CLASSES, levels=[0], vector=False, bidirectional=True).eval()
    whole = features()
    assert whole.maps is not None
    seen = {}

    def keep(_: object, inputs: tuple[torch.Tensor], __: object) -> None:
        seen["pooled"] = inputs[0]

    head.last[0].register_forward_hook(keep)
    head(whole)
    assert head.backwards is not None
    _, (there,) = head.forwards[0](whole.maps[0])
    _, (back,) = head.backwards[0](whole.maps[0].flip(1))
    wanted = torch.cat((there.mean((2, 3)), back.mean((2, 3))), 1)
    torch.testing.assert_close(seen["pooled"], wanted)


def test_published_gru_rcn_has_the_papers_levels() -> None:
    vgg = Widths(clip=4096, steps=4096, maps=(64, 128, 256, 512, 512))
    head = GRURCN(vgg, 101, levels=[1, 2, 3, 4], hidden=[64, 128, 256, 256, 512])
    found = {name: tuple(weight.shape) for name, weight in head.named_parameters()}
    assert found["forwards.0.cell.input_weight"] == (3 * 64, 128, 3, 3)
    assert found["forwards.3.cell.gate_weight"] == (2 * 256, 256, 3, 3)
    assert found["forwards.4.cell.input_weight"] == (3 * 512, 4096, 1, 1)
    # On one place of a map, a 1x1 kernel makes an ordinary GRU of it.
    assert found["last.4.weight"] == (101, 512)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Average(WIDTHS, 1), "Average tells classes apart, got 1 of them"),
        (lambda: Average(WIDTHS, 3, dropout=1.0), "dropout is 1.0; expected a share to drop"),
        (lambda: LRCN(Widths(clip=6), 3), "LRCN needs step vectors"),
        (lambda: LRCN(WIDTHS, 3, dropout_before=-0.1), "dropout_before is -0.1"),
        (lambda: LRCN(WIDTHS, 3, start="nowhere"), "'nowhere' holds no encoder"),
        (lambda: GRURCN(Widths(clip=6, steps=6), 3), "GRURCN reads feature maps"),
        (lambda: GRURCN(Widths(clip=6, maps=(4,)), 3), "GRURCN with vector needs step vectors"),
        (lambda: GRURCN(WIDTHS, 3, levels=[2]), r"levels are \[2\]; expected rising numbers"),
        (lambda: GRURCN(WIDTHS, 3, levels=[1, 0]), r"levels are \[1, 0\]"),
        (lambda: GRURCN(WIDTHS, 3, hidden=[4]), "hidden has 1 entries; expected 3"),
        (lambda: GRURCN(WIDTHS, 3, kernel=2), "needs an odd kernel"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(make: Callable[[], Head], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as raised:
        make()
    assert "\n" not in str(raised.value)


def test_a_head_that_lacks_its_features_says_so() -> None:
    bare = Features(torch.randn(2, 6))
    with pytest.raises(InputError, match="LRCN needs step features"):
        made("lrcn")(bare)
    with pytest.raises(InputError, match="GRURCN needs feature maps"):
        made("gru-rcn")(bare)


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
        (lambda: MLP(WIDTHS, 3, hidden=0), "hidden must be at least 1, got 0"),
        (lambda: MLP(WIDTHS, 3, dropout=1.0), "dropout is 1.0"),
    ],
)
def test_heads_on_clips_refuse_what_cannot_be(make: Callable[[], Head], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        make()
