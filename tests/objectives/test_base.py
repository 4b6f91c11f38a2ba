from collections.abc import Callable

import pytest
import torch
from lightly.utils import dist
from torch import Tensor

from selfvid.backbones.small import SmallNet
from selfvid.encoders.base import Encoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.errors import InputError
from selfvid.objectives.base import Objective, gathered
from selfvid.objectives.ntxent import NTXent
from selfvid.objectives.pairs import FramePairs
from selfvid.objectives.sigreg import SIGReg
from selfvid.objectives.simsiam import SimSiam
from selfvid.objectives.temporal_coherence import MarginLoss, TemporalCoherence
from selfvid.objectives.vicreg import VICReg
from selfvid.saving.recorded import build, describe
from selfvid.types import Losses, Widths

PARTS = [
    {"pull", "push"},
    {"pull", "push"},
    {"invariance", "variance", "covariance"},
    {"prediction", "regularisation"},
    {"alignment", "distribution"},
    {"next", "previous"},
]


def sigreg(encoder: Encoder) -> SIGReg:
    return SIGReg(encoder, hidden=16, projection=8, directions=32)


OBJECTIVES: list[Callable[[Encoder], Objective]] = [
    TemporalCoherence,
    lambda encoder: FramePairs(encoder, MarginLoss(projection=16)),
    lambda encoder: VICReg(encoder, projection=16),
    sigreg,
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


@pytest.mark.gpu
@pytest.mark.parametrize("make", [make for make in OBJECTIVES if make is not sigreg])  # random
def test_the_loss_on_a_gpu_is_that_on_a_processor(make: Callable[[Encoder], Objective]) -> None:
    objective = make(encoder())
    found = []
    for device in ("cpu", "cuda"):
        objective.to(device).zero_grad()
        torch.manual_seed(1)
        loss = objective(clips().to(device)).total
        loss.backward()
        found.append(loss.detach().cpu())
    torch.testing.assert_close(found[1], found[0], rtol=1e-3, atol=1e-4)


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


@pytest.mark.parametrize(("make", "names"), list(zip(OBJECTIVES, PARTS, strict=True)))
def test_every_term_of_a_loss_is_a_part(
    make: Callable[[Encoder], Objective], names: set[str]
) -> None:
    losses = make(encoder())(clips())
    assert set(losses.parts) == names
    assert all(part.ndim == 0 and part.isfinite() for part in losses.parts.values())


@pytest.mark.parametrize("make", OBJECTIVES)
def test_an_encoder_without_steps_is_refused(make: Callable[[Encoder], Objective]) -> None:
    whole = encoder()
    whole.widths = Widths(clip=16)
    with pytest.raises(InputError, match="needs step vectors"):
        make(whole)


class Plain(Objective):
    """An objective that overrides nothing that it need not."""

    def __init__(self, encoder: Encoder, *, least_steps: int) -> None:
        super().__init__()
        self.encoder, self.least_steps = encoder, least_steps

    def forward(self, clip: Tensor) -> Losses:
        return Losses(clip.float().mean())


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_the_shortest_clip_has_just_enough_frames_for_its_steps(steps: int) -> None:
    objective = Plain(SlidingEncoder(encoder(), window=3, stride=2), least_steps=steps)

    def found(frames: int) -> int:
        clip = torch.zeros(1, frames, 3, 16, 16, dtype=torch.uint8)
        return objective.encoder(clip).need_steps("test").shape[1]

    assert found(objective.least_frames) == steps
    if steps > 1:
        assert found(objective.least_frames - 1) == steps - 1


def test_by_default_all_frames_are_shown_and_there_are_no_pictures() -> None:
    objective = Plain(encoder(), least_steps=1)
    assert [objective.shown(frames) for frames in (1, 7)] == [1, 7]
    assert objective.preview(clips()) == {}
    objective.check_size(1, 7)


def test_one_process_gathers_its_own_rows() -> None:
    z = torch.randn(3, 2)
    assert gathered(z) is z


def test_rows_of_several_processes_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dist, "world_size", lambda: 2)
    monkeypatch.setattr(dist, "gather", lambda z: (z, 10 * z))
    z = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert gathered(z).tolist() == [[1, 2], [3, 4], [10, 20], [30, 40]]
