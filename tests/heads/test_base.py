import math

import pytest
import torch
from torch import nn

from selfvid.errors import InputError
from selfvid.features.store import features_of, tensors_of
from selfvid.heads.average import Average
from selfvid.heads.base import (
    Head,
    averaged,
    first_state,
    initialised,
    log_mean_probability,
    voting_vectors,
    voting_width,
    without_maps,
)
from selfvid.heads.gru_rcn import GRURCN
from selfvid.heads.lrcn import LRCN
from selfvid.types import Features, Widths
from tests.heads.features import BATCH, CLASSES, WIDTHS, features
from tests.heads.kinds import HEADS, loss_of, made

READERS: dict[str, Head] = {
    "average": Average(WIDTHS, CLASSES),
    "lrcn": LRCN(WIDTHS, CLASSES, hidden=5),
    "gru-rcn": GRURCN(WIDTHS, CLASSES),
    "gru-rcn of one level": GRURCN(WIDTHS, CLASSES, levels=[1], vector=False),
    "gru-rcn of the first level": GRURCN(WIDTHS, CLASSES, levels=[0], stacked=True),
}
READ = {
    "average": {"clip", "steps"},
    "lrcn": {"clip", "steps"},
    "gru-rcn": {"clip", "steps", "maps.0", "maps.1"},
    "gru-rcn of one level": {"clip", "maps.1"},
    "gru-rcn of the first level": {"clip", "steps", "maps.0"},
}


@pytest.mark.gpu
@pytest.mark.parametrize("kind", HEADS)
def test_a_head_on_a_gpu_says_what_it_says_on_a_processor(kind: str) -> None:
    head, labels = made(kind).eval(), torch.arange(BATCH)
    here = loss_of(head, features(), labels)
    there = loss_of(head.cuda(), features().to("cuda"), labels.cuda())
    there.backward()
    torch.testing.assert_close(there.cpu(), here, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", READERS)
def test_a_head_says_the_same_of_what_it_reads_alone(name: str) -> None:
    head, whole = READERS[name].eval(), features()
    kept = tensors_of(head.reads(whole))
    assert set(kept) == READ[name]
    again = features_of(kept, window=1, stride=1)
    torch.testing.assert_close(head(again).probabilities, head(whole).probabilities)


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


def test_a_head_that_lacks_its_features_says_so() -> None:
    bare = Features(torch.randn(2, 6))
    with pytest.raises(InputError, match="LRCN needs step features"):
        made("lrcn")(bare)
    with pytest.raises(InputError, match="GRURCN needs feature maps"):
        made("gru-rcn")(bare)


@pytest.mark.parametrize("kind", ["average", "mlp"])
def test_an_encoder_without_steps_gives_one_vote_however_long_its_clips(kind: str) -> None:
    head = HEADS[kind](Widths(clip=6), CLASSES)
    prediction = head(Features(torch.randn(2, 6)))
    assert prediction.votes.shape == (2, 1, CLASSES)
    torch.testing.assert_close(prediction.probabilities, prediction.votes[:, 0].softmax(-1))


def test_averages_of_probabilities_are_those_of_a_loop_and_stay_exact_in_logarithms() -> None:
    votes = 5 * torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    mean, log_mean = averaged(votes), log_mean_probability(votes)
    for clip in range(2):
        for k in range(4):
            chances = []
            for step in votes[clip].tolist():
                exps = [math.exp(vote) for vote in step]
                chances.append(exps[k] / sum(exps))
            by_hand = sum(chances) / 3
            assert mean[clip, k].item() == pytest.approx(by_hand, rel=1e-4)
            assert log_mean[clip, k].item() == pytest.approx(math.log(by_hand), rel=1e-4)
    sure = torch.tensor([[[0.0, 300.0]] * 3])  # the first probability is 0 in float32
    assert averaged(sure)[0, 0] == 0
    assert log_mean_probability(sure)[0].tolist() == [-300.0, 0.0]


def test_steps_vote_if_there_are_any_and_the_clip_otherwise() -> None:
    whole = features()
    assert voting_vectors(whole) is whole.steps
    assert voting_vectors(Features(whole.clip)).tolist() == [[row] for row in whole.clip.tolist()]
    assert voting_width(Widths(clip=5, steps=7)) == 7
    assert voting_width(Widths(clip=5)) == 5


def test_vectors_alone_have_no_maps() -> None:
    whole = features()
    vectors = without_maps(whole)
    assert vectors.maps is None
    assert vectors.steps is whole.steps
    assert vectors.clip is whole.clip


def test_a_state_of_other_clips_is_refused() -> None:
    like = torch.zeros(3, 5, 6)
    state = (torch.zeros(3, 2),)
    assert first_state(state, like) is state
    assert first_state(None, like) is None
    with pytest.raises(InputError, match="belongs to 2 clips and the batch has 3"):
        first_state((torch.zeros(2, 2),), like)


def test_initial_weights_have_the_deviation_that_is_given() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(100, 100)
    assert initialised(layer, 0.01) is layer
    assert 0.0095 < layer.weight.std() < 0.0105
    assert not layer.bias.any()


@pytest.mark.parametrize("classes", [1, 0])
def test_fewer_than_two_classes_are_refused(classes: int) -> None:
    with pytest.raises(InputError, match=f"Average needs at least 2 classes, got {classes}"):
        Average(WIDTHS, classes)
