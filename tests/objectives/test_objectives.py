from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from selfvid.backbones.small import SmallNet
from selfvid.encoders.base import Encoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput
from selfvid.objectives.base import Objective
from selfvid.objectives.ntxent import NTXent
from selfvid.objectives.sigreg import SIGReg
from selfvid.objectives.simsiam import SimSiam
from selfvid.objectives.temporal_coherence import TemporalCoherence
from selfvid.objectives.vicreg import VICReg
from selfvid.saving.recorded import build, describe

OBJECTIVES: list[Callable[[Encoder], Objective]] = [
    TemporalCoherence,
    lambda encoder: VICReg(encoder, projection=16),
    lambda encoder: SIGReg(encoder, hidden=16, projection=8, directions=32),
    lambda encoder: NTXent(encoder, hidden=16, projection=8),
    lambda encoder: SimSiam(encoder, projection=16, bottleneck=8),
]


def encoder(**more: object) -> FrameEncoder:
    torch.manual_seed(0)
    return FrameEncoder(SmallNet(channels=1, stages=(8, 16)), **more)  # type: ignore[arg-type]


def clips() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (6, 3, 3, 16, 16), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("make", OBJECTIVES)
def test_the_loss_reaches_the_encoder_and_falls_along_its_gradient(
    make: Callable[[Encoder], Objective],
) -> None:
    objective = make(encoder())

    def loss() -> Tensor:
        torch.manual_seed(1)
        return objective(clips()).total

    before = loss()
    before.backward()
    moved = [p for p in objective.encoder.parameters() if p.grad is not None and p.grad.any()]
    assert len(moved) == len(list(objective.encoder.parameters()))
    with torch.no_grad():
        scale = 1e-3 / torch.stack([p.grad.norm() for p in moved if p.grad is not None]).norm()
        for parameter in moved:
            assert parameter.grad is not None
            parameter.sub_(scale * parameter.grad)
    assert loss() < before


@pytest.mark.parametrize("make", OBJECTIVES)
def test_an_objective_is_described_and_built_again(make: Callable[[Encoder], Objective]) -> None:
    described = describe(make(encoder()))
    assert describe(build(described)) == described


@pytest.mark.parametrize("make", OBJECTIVES)
def test_previews_are_pictures(make: Callable[[Encoder], Objective]) -> None:
    objective = make(encoder()).eval()
    with torch.no_grad():
        pictures = objective.preview(clips())
    assert pictures
    for picture in pictures.values():
        assert picture.dtype == torch.uint8
        assert picture.shape[0] == 3


@pytest.mark.parametrize("make", OBJECTIVES)
def test_differences_of_frames_are_learnt_from_like_frames(
    make: Callable[[Encoder], Objective],
) -> None:
    assert make(encoder(input=DifferenceInput()))(clips()).total.isfinite()


@pytest.mark.parametrize("make", OBJECTIVES)
def test_losses_under_autocast_are_computed_in_float32(
    make: Callable[[Encoder], Objective],
) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert make(encoder())(clips()).total.dtype == torch.float32
