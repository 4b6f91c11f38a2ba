from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from selfvid.errors import InputError
from selfvid.heads.detection import NO_CLIP, ActivityDetector, TrueStepsNorm
from selfvid.types import Features, Prediction, Widths

WIDTHS = Widths(clip=6, steps=6)


def detector(**more: object) -> ActivityDetector:
    torch.manual_seed(0)
    return ActivityDetector(WIDTHS, 3, hidden=5, **more)  # type: ignore[arg-type]


def seen(steps: Tensor) -> Features:
    return Features(steps[:, 0], steps)


def test_the_published_detector_has_its_parameters() -> None:
    head = ActivityDetector(Widths(clip=4096, steps=4096), 200)
    lstm = 4 * 512 * (4096 + 512 + 1)
    expected = 2 * 4096 + lstm + 201 * (512 + 1)
    assert sum(weight.numel() for weight in head.parameters()) == expected


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("cuts", [(1,) * 9, (4, 5), (8, 1)])
def test_a_state_that_is_carried_on_equals_one_long_pass(
    several: bool, cuts: tuple[int, ...]
) -> None:
    head = detector(several=several).eval()
    steps = torch.randn(2, 9, 6)
    whole = head(seen(steps))
    state, votes = None, []
    for part in steps.split(cuts, 1):
        prediction = head(seen(part), state)
        state = prediction.state
        votes.append(prediction.votes)
    torch.testing.assert_close(torch.cat(votes, 1), whole.votes)
    assert whole.votes.shape == (2, 9, 3 if several else 4)


def test_nothing_is_forgotten_at_first() -> None:
    (cell,) = detector().lstm.layers
    bias = dict(cell.named_parameters())["bias"].detach()
    inputs, forget, candidate_and_output = bias.split([5, 5, 10])
    assert torch.equal(forget, torch.ones(5))
    assert not inputs.any()
    assert not candidate_and_output.any()


def test_the_loss_is_weighted_cross_entropy_over_the_number_of_clips() -> None:
    head = detector(background=0.3)
    votes = torch.randn(2, 3, 4)
    labels = torch.tensor([[0, 2, 1], [3, 0, NO_CLIP]])
    total = 0.0
    for row, step in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1)):
        exps = [math.exp(vote) for vote in votes[row, step].tolist()]
        label = int(labels[row, step])
        weight = 0.3 if label == 0 else 1.0
        total += weight * -math.log(exps[label] / sum(exps))
    prediction = Prediction(votes, votes.mean(1))
    assert head.loss(prediction, labels).item() == pytest.approx(total / 5, rel=1e-5)


def test_the_loss_of_several_activities_is_binary_cross_entropy() -> None:
    head = detector(several=True, background=0.5)
    votes = torch.randn(1, 3, 3)
    labels = torch.tensor([[[1, 0, 1], [0, 0, 0], [NO_CLIP] * 3]])
    total = 0.0
    for step, weight in ((0, 1.0), (1, 0.5)):
        for k in range(3):
            chance = 1 / (1 + math.exp(-float(votes[0, step, k])))
            total += weight * -math.log(chance if labels[0, step, k] else 1 - chance) / 3
    prediction = Prediction(votes, votes.mean(1))
    assert head.loss(prediction, labels).item() == pytest.approx(total / 2, rel=1e-5)


def test_the_norm_does_not_see_behind_the_end() -> None:
    steps = torch.randn(2, 4, 6)
    lengths = torch.tensor([4, 1])
    norm, plain = TrueStepsNorm(6), nn.BatchNorm1d(6)
    padded = steps.clone()
    padded[1, 1:] = 1e6
    found = norm(padded, lengths)
    vectors = torch.cat([steps[0], steps[1, :1]])
    expected = plain(vectors)
    torch.testing.assert_close(torch.cat([found[0], found[1, :1]]), expected)
    torch.testing.assert_close(norm.running_mean, plain.running_mean)
    assert torch.equal(found[1, 1:], torch.zeros(3, 6))


@pytest.mark.parametrize("lengths", [[1, 0], [0, 0]])
def test_a_window_of_hardly_any_clips_trains_too(lengths: list[int]) -> None:
    head = detector()
    steps = torch.zeros(2, 4, 6)
    prediction = head.along(steps, lengths=torch.tensor(lengths))
    labels = torch.full((2, 4), NO_CLIP)
    for row, length in enumerate(lengths):
        labels[row, :length] = 0
    loss = head.loss(prediction, labels)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(w.grad).all() for w in head.parameters() if w.grad is not None)


def test_one_activity_alone_can_be_detected() -> None:
    head = ActivityDetector(WIDTHS, 1, hidden=4)
    assert head(seen(torch.randn(1, 3, 6))).votes.shape == (1, 3, 2)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"background": -1.0}, "background is -1.0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"layers": 0}, "layers must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        detector(**wrong)


def test_the_lstm_reads_normalised_vectors_of_which_a_share_was_dropped() -> None:
    torch.manual_seed(0)
    head = ActivityDetector(Widths(clip=200, steps=200), 3, hidden=4, dropout=0.75).train()
    read: list[torch.Tensor] = []
    head.lstm.register_forward_hook(lambda _, given, __: read.append(given[0]))
    steps = 3 * torch.randn(4, 10, 200) + 5
    head.along(steps)
    dropped = read[0] == 0
    assert abs(float(dropped.float().mean()) - 0.75) < 0.02
    flat = steps.flatten(0, 1)
    deviation = flat.var(0, unbiased=False).add(head.norm.eps).sqrt()
    normal = ((flat - flat.mean(0)) / deviation).unflatten(0, (4, 10))
    torch.testing.assert_close(read[0][~dropped], 4 * normal[~dropped], rtol=1e-3, atol=1e-3)


def test_the_last_layer_reads_outputs_of_which_a_share_was_dropped() -> None:
    torch.manual_seed(0)
    head = ActivityDetector(Widths(clip=8, steps=8), 3, hidden=200, dropout=0.75).train()
    kept: list[torch.Tensor] = []
    head.lstm.register_forward_hook(lambda _, __, made: kept.append(made[0]))
    head.last.register_forward_hook(lambda _, given, __: kept.append(given[0]))
    head.along(torch.randn(4, 10, 8))
    made, read = kept
    dropped = read == 0
    assert abs(float(dropped.float().mean()) - 0.75) < 0.02
    torch.testing.assert_close(read[~dropped], 4 * made[~dropped])


def test_overlapping_activities_have_chances_of_their_own() -> None:
    votes = torch.tensor([[[2.0, 2.0, -1.0]]])
    by_hand = 1 / (1 + torch.exp(-votes))
    torch.testing.assert_close(detector(several=True).chances(votes), by_hand)
    alone = detector().chances(torch.cat((votes, votes[..., :1]), -1))
    assert float(alone.sum()) == pytest.approx(1.0)
