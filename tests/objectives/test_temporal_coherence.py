import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.objectives.temporal_coherence import (
    MarginLoss,
    TemporalCoherence,
    push_loss,
    temporal_coherence,
)


def test_coherence_matches_hand_arithmetic() -> None:
    z = torch.tensor([[[0.0], [1.0]], [[3.0], [3.0]]])  # two clips, two frames, D = 1
    losses = temporal_coherence(z, margin=5.0)
    assert losses.parts["pull"].item() == pytest.approx((1 + 0) / 2)
    assert losses.parts["push"].item() == pytest.approx(((5 - 3) + (5 - 3) + (5 - 2) + (5 - 2)) / 4)
    assert losses.total == losses.parts["pull"] + losses.parts["push"]


@pytest.mark.parametrize("shift", [1, 2])
def test_coherence_matches_a_loop_over_pairs(shift: int) -> None:
    z = torch.randn(3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    pull, push = [], []
    for clip in range(3):
        for instant in range(4):
            if instant:
                pull.append(
                    sum(abs(z[clip, instant, d] - z[clip, instant - 1, d]) for d in range(5))
                )
            other = (clip - shift) % 3
            distance = sum(abs(z[clip, instant, d] - z[other, instant, d]) for d in range(5))
            push.append(max(0.0, 6.0 - float(distance)))
    losses = temporal_coherence(z, margin=6.0, shift=shift)
    assert losses.parts["pull"].item() == pytest.approx(float(sum(pull)) / len(pull))
    assert losses.parts["push"].item() == pytest.approx(sum(push) / len(push))


def test_gradients_are_those_of_finite_differences() -> None:
    z = torch.randn(3, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: temporal_coherence(z, margin=3.0).total, z)


def test_pairs_beyond_the_margin_cost_nothing() -> None:
    z = torch.tensor([[[0.0], [0.0]], [[9.0], [9.0]]])
    assert temporal_coherence(z, margin=5.0).total == 0


def test_a_constant_embedding_pays_the_whole_margin() -> None:
    assert temporal_coherence(torch.ones(4, 3, 8), margin=2.5).total == 2.5


@pytest.mark.parametrize("shape", [(1, 2, 3), (2, 1, 3), (2, 3)])
def test_one_clip_or_one_frame_has_no_pairs(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="z must be"):
        temporal_coherence(torch.zeros(shape))


def test_a_margin_must_be_positive() -> None:
    with pytest.raises(InputError, match="margin must be positive, got 0"):
        TemporalCoherence(FrameEncoder(SmallNet(channels=1, stages=(8,))), margin=0)


def test_only_the_counted_pairs_are_averaged() -> None:
    z = torch.tensor([[[0.0], [1.0]], [[3.0], [3.0]]])  # distances 3 and 2
    counted = torch.tensor([[True, False], [False, False]])
    assert push_loss(z, margin=5.0, counted=counted).item() == pytest.approx(5 - 3)
    assert push_loss(z, margin=5.0, counted=torch.zeros(2, 2, dtype=torch.bool)).item() == 0


def views() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 5, 3, dtype=torch.float64, generator=generator)
    return a, a + 0.3 * b


def test_the_loss_of_two_views_matches_a_loop_over_all_their_pairs() -> None:
    a, b = views()
    pull, push = [], []
    for i in range(5):
        for j in range(5):
            distance = sum(abs(float(a[i, d] - b[j, d])) for d in range(3)) / 3
            if i == j:
                pull.append(distance)
            else:
                push.append(max(0.0, 1.2 - distance))
    assert 0 < push.count(0.0) < len(push) == 20
    losses = MarginLoss(margin=1.2)(a, b)
    assert losses.parts["pull"].item() == pytest.approx(sum(pull) / 5)
    assert losses.parts["push"].item() == pytest.approx(sum(push) / 20)
    assert losses.total == losses.parts["pull"] + losses.parts["push"]


def test_the_gradients_of_two_views_are_those_of_finite_differences() -> None:
    a, b = (view.requires_grad_() for view in views())
    assert torch.autograd.gradcheck(lambda a, b: MarginLoss(margin=1.2)(a, b).total, (a, b))


def test_the_margin_does_not_depend_on_the_scale_of_the_encoder() -> None:
    loss = MarginLoss(projection=16)
    vectors = torch.randn(512, 8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    projector = loss.projector(8)
    small, large = (projector(scale * vectors) for scale in (1.0, 1000.0))
    torch.testing.assert_close(small, large, rtol=0, atol=1e-2)
    torch.testing.assert_close(large.std(0, unbiased=False), torch.ones(16), rtol=0, atol=1e-3)


def test_near_windows_come_together_while_the_others_keep_their_distance() -> None:
    torch.manual_seed(0)
    encoder = torch.nn.Linear(6, 8)
    loss = MarginLoss(projection=16)
    projector = loss.projector(8)
    moments = torch.randn(32, 6)
    a, b = (moments + 0.5 * torch.randn(32, 6) for _ in range(2))
    optimiser = torch.optim.Adam([*encoder.parameters(), *projector.parameters()], lr=0.01)
    first = loss(*projector(encoder(torch.cat((a, b)))).chunk(2))
    for _ in range(60):
        losses = loss(*projector(encoder(torch.cat((a, b)))).chunk(2))
        optimiser.zero_grad()
        losses.total.backward()
        optimiser.step()
    assert losses.parts["pull"].item() < 0.5 * first.parts["pull"].item()
    assert losses.total.item() < 0.8 * first.total.item()
    assert losses.parts["push"].item() < 0.15  # 1 if all vectors were the same
    trained = projector(encoder(moments))
    torch.testing.assert_close(trained.std(0, unbiased=False), torch.ones(16), rtol=0, atol=1e-3)


def test_the_margin_of_two_views_must_be_positive() -> None:
    with pytest.raises(InputError, match="margin must be positive, got -1"):
        MarginLoss(margin=-1)
