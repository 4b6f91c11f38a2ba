from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from selfvid.errors import InputError
from selfvid.heads.base import Head
from selfvid.heads.gru_rcn import GRURCN
from selfvid.types import Widths
from tests.heads.features import CLASSES, WIDTHS, features


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


def test_without_maps_the_vectors_alone_are_a_level() -> None:
    torch.manual_seed(0)
    both = GRURCN(WIDTHS, CLASSES, levels=[0], hidden=[3, 5]).eval()
    alone = GRURCN(Widths(clip=6, steps=WIDTHS.steps), CLASSES, levels=[], hidden=[5]).eval()
    alone.forwards[0].load_state_dict(both.forwards[1].state_dict())
    alone.last[0].load_state_dict(both.last[1].state_dict())
    whole = features()
    seen = alone.reads(whole)
    assert seen.maps is None
    torch.testing.assert_close(alone(seen).votes[:, 0], both(whole).votes[:, 1])


def test_gates_of_a_stacked_level_see_the_pooled_state_of_the_level_below() -> None:
    torch.manual_seed(0)
    head = GRURCN(WIDTHS, CLASSES, vector=False, stacked=True).eval()
    whole = features()
    assert whole.maps is not None
    ends: list[torch.Tensor] = []
    for level in head.last:
        level.register_forward_hook(lambda _, inputs, __: ends.append(inputs[0]))
    head(whole)
    fine, coarse = whole.maps  # of 8x8 and of 4x4
    below, _ = head.forwards[0](fine)
    windows = below.unflatten(-2, (4, 2)).unflatten(-1, (4, 2))
    pooled = windows.amax((-3, -1))
    _, (state,) = head.forwards[1](torch.cat((coarse, pooled), 2))
    torch.testing.assert_close(ends[1], state.mean((2, 3)))


def test_the_loss_is_that_of_the_averaged_probability() -> None:
    torch.manual_seed(0)
    head = GRURCN(WIDTHS, CLASSES).eval()
    prediction = head(features())
    labels = torch.tensor([3, 0, 1])
    by_hand = [
        -prediction.probabilities[clip, label].log() for clip, label in enumerate(labels.tolist())
    ]
    loss = head.loss(prediction, labels)
    torch.testing.assert_close(loss, torch.stack(by_hand).mean())
    each = functional.cross_entropy(prediction.votes.flatten(0, 1), labels.repeat_interleave(3))
    assert loss < each  # by Jensen's inequality


@pytest.mark.parametrize(("channels", "hidden"), [(1, 1), (9, 4), (4096, 512)])
def test_by_default_a_level_has_half_its_channels_up_to_512(channels: int, hidden: int) -> None:
    with torch.device("meta"):
        head = GRURCN(Widths(clip=2, maps=(channels,)), 2, vector=False)
    assert head.hidden == [hidden]
    (last,) = head.last
    assert isinstance(last, nn.Linear)
    assert last.in_features == hidden


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: GRURCN(Widths(clip=6, steps=6), 3), "GRURCN reads feature maps"),
        (lambda: GRURCN(Widths(clip=6, maps=(4,)), 3), "GRURCN with vector needs step vectors"),
        (lambda: GRURCN(WIDTHS, 3, levels=[2]), r"levels are \[2\]; expected increasing numbers"),
        (lambda: GRURCN(WIDTHS, 3, levels=[1, 0]), r"levels are \[1, 0\]"),
        (lambda: GRURCN(WIDTHS, 3, levels=[], vector=False), r"levels are \[\]; expected incr"),
        (lambda: GRURCN(WIDTHS, 3, hidden=[4]), "hidden has 1 entries; expected 3"),
        (lambda: GRURCN(WIDTHS, 3, kernel=2), "needs an odd kernel"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(make: Callable[[], Head], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as raised:
        make()
    assert "\n" not in str(raised.value)


def test_probabilities_are_the_mean_of_those_of_the_levels() -> None:
    torch.manual_seed(0)
    head = GRURCN(WIDTHS, CLASSES).eval()
    prediction = head(features())
    exponents = prediction.votes.exp()  # (B, levels, K)
    by_hand = (exponents / exponents.sum(-1, keepdim=True)).mean(1)
    torch.testing.assert_close(prediction.probabilities, by_hand)
    labels = torch.tensor([1, 2, 0])
    wanted = -sum(by_hand[clip, label].log() for clip, label in enumerate(labels)) / len(labels)
    torch.testing.assert_close(head.loss(prediction, labels), wanted)
