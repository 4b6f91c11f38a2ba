import multiprocessing
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from selfvid.compute import Precision
from selfvid.data.clips.faults import FaultCounter, FaultPolicy
from selfvid.data.digits.stream import DigitStream
from selfvid.encoders.base import load_encoder
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.vectors import FlatFrames
from selfvid.errors import InputError
from selfvid.objectives.lstm_autoencoder import LSTMAutoencoder
from selfvid.objectives.temporal_coherence import TemporalCoherence
from selfvid.pretraining.command import pretrain
from selfvid.training.batches import BatchStream
from selfvid.training.checkpoints import saved, step_of
from selfvid.training.module import Pretraining
from selfvid.training.schedule import Training
from selfvid.types import ClipBatch, Losses
from tests.pretraining.runs import tiny_objective, tiny_run

pytestmark = pytest.mark.slow

DIGITS = DigitStream(frames=4, canvas=32, digits=1)


def run(out: Path, *, precision: Precision = "float32", **plan: Any) -> Path:
    torch.manual_seed(0)
    objective = LSTMAutoencoder(LSTMEncoder(FlatFrames((32, 32)), hidden=4), future=2)
    training = Training(**{"batch": 4, "warmup": 0, **plan})
    return pretrain(
        DIGITS, out, objective=objective, training=training, precision=precision, quiet=True
    )


def moved(run: Path) -> dict[str, Tensor]:
    before = load_encoder(run / "encoder_at_start").state_dict()
    return {name: now - before[name] for name, now in load_encoder(run).state_dict().items()}


PLAIN_SGD: dict[str, Any] = {
    "steps": 1, "optimiser": "sgd", "rate": 1.0, "momentum": 0.0, "weight_decay": 0.0,
    "staircase": (1.0, 1),
}  # fmt: skip


def test_no_element_moves_further_than_its_clipped_gradient(tmp_path: Path) -> None:
    free = moved(run(tmp_path / "free", **PLAIN_SGD, clip_norm=None))
    held = moved(run(tmp_path / "held", **PLAIN_SGD, clip_norm=None, clip_value=0.01))
    for name, step in held.items():
        torch.testing.assert_close(step, free[name].clamp(-0.01, 0.01), rtol=1e-3, atol=1e-6)
    assert max(float(step.abs().max()) for step in free.values()) > 0.01


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_all_weights_together_move_no_further_than_the_clipped_norm(
    tmp_path: Path, precision: Precision
) -> None:
    steps = moved(run(tmp_path / "run", **PLAIN_SGD, clip_norm=0.5, precision=precision))
    far = torch.cat([step.flatten() for step in steps.values()]).norm()
    assert 0.01 < far <= 0.5 + 1e-4  # decoders take their part of it


def test_a_fused_optimiser_is_clipped_in_bfloat16(tmp_path: Path) -> None:
    steps = moved(run(tmp_path / "run", steps=2, clip_norm=1e-6, precision="bfloat16"))
    assert all(step.isfinite().all() for step in steps.values())


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="compiling needs g++")
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*Function'> should not be instantiated:DeprecationWarning")
def test_a_compiled_run_ends_where_a_plain_one_does(tmp_path: Path) -> None:
    plain = moved(run(tmp_path / "plain", steps=3))
    compiled = moved(run(tmp_path / "compiled", steps=3, compiled=True))
    for name, step in plain.items():
        torch.testing.assert_close(compiled[name], step, rtol=1e-3, atol=1e-5)


def test_a_loss_that_is_not_finite_stops_and_names_the_videos(
    digits_manifest: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"loss is (nan|inf) at step \d+, videos /.*\.mp4"):
        tiny_run(
            digits_manifest,
            tmp_path / "run",
            objective=Exploding(tiny_objective().encoder),
            plan={"steps": 50},
        )


class Exploding(TemporalCoherence):
    """Divides by zero at its third call."""

    calls = 0

    def forward(self, clip: torch.Tensor) -> Losses:
        self.calls += 1
        losses = super().forward(clip)
        return Losses(losses.total / (self.calls < 3), losses.parts)


class Kinked(TemporalCoherence):
    """Adds the root of zero, whose gradient is infinite, at its fourth call."""

    calls = 0

    def forward(self, clip: torch.Tensor) -> Losses:
        self.calls += 1
        losses = super().forward(clip)
        weight = next(self.encoder.parameters())
        kink = (0 * weight.sum()).sqrt() if self.calls == 4 else 0
        return Losses(losses.total + kink, losses.parts)


def test_a_gradient_that_is_not_finite_stops_and_leaves_a_good_checkpoint(
    digits_manifest: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        InputError,
        match=r"gradients are nan at step 3; .*last good checkpoint is .*step-00000003\.ckpt': "
        r"go on from it with --resume --training\.rate 0\.0001$",
    ):
        tiny_run(
            digits_manifest,
            tmp_path / "run",
            objective=Kinked(tiny_objective().encoder),
            plan={"steps": 50, "checkpoint_every": 1},
        )
    newest = saved(tmp_path / "run" / "checkpoints")[0]
    assert step_of(newest) == 3
    weights = torch.load(newest, weights_only=True)["state_dict"]
    assert all(torch.isfinite(weight).all() for weight in weights.values())


def test_an_error_in_training_gives_signals_and_files_back(
    digits_manifest: Path, tmp_path: Path
) -> None:
    before = [signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(InputError, match=r"loss is inf at step 2, .*step-00000002"):
        tiny_run(
            digits_manifest,
            tmp_path / "run",
            objective=Exploding(tiny_objective().encoder),
            workers=1,
        )
    assert [signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM)] == before
    assert not multiprocessing.active_children()


class Drawing(nn.Module):
    """An objective whose loss is a random number, as its augmentation is."""

    needs_flow = False

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.clips: list[Tensor] = []

    def forward(self, clip: Tensor) -> Losses:
        self.clips.append(clip)
        return Losses(torch.rand(()) + 0 * self.weight.sum())


class Noise(nn.Module):
    def forward(self, clip: Tensor) -> Tensor:
        return clip + torch.rand(())


class OfRank(Pretraining):
    """Training in the process of a rank, without a trainer."""

    rank = 0

    @property
    def global_rank(self) -> int:
        return self.rank


def stepped(
    *, done: int = 0, seed: int = 0, rank: int = 0, batches: int = 1
) -> tuple[Any, Drawing]:
    """A training module after some batches, and its objective."""
    stream = BatchStream(4, per_batch=2, total=9, seed=seed)
    stream.done = done
    objective = Drawing()
    module = OfRank(
        objective,  # type: ignore[arg-type]
        augment=Noise(),
        training=Training(),
        stream=stream,
        faults=FaultCounter(FaultPolicy()),
        seed=seed,
    )
    module.rank = rank
    times = torch.zeros(2, 1, dtype=torch.float64)
    batch = ClipBatch(torch.zeros(2, 1, 3, 2, 2, dtype=torch.uint8), times, ("a", "b"))
    for _ in range(batches):
        module.training_step(batch, 0)
    return module, objective


def test_random_draws_depend_on_the_seed_and_the_number_of_the_batch_alone() -> None:
    whole, drawn = stepped(batches=3)
    torch.rand(17)  # what happens outside does not matter
    resumed, again = stepped(done=2)
    assert torch.equal(whole.losses.total, resumed.losses.total)
    assert torch.equal(drawn.clips[2], again.clips[0])
    assert not torch.equal(drawn.clips[1], drawn.clips[2])
    other, _ = stepped(done=2, seed=1)
    assert not torch.equal(other.losses.total, resumed.losses.total)
    assert whole.stream.done == resumed.stream.done == 3


def test_processes_augment_differently_and_draw_the_same_loss() -> None:
    (first, one), (second, two) = stepped(rank=0), stepped(rank=1)
    assert torch.equal(first.losses.total, second.losses.total)
    assert not torch.equal(one.clips[0], two.clips[0])


def test_the_count_of_unreadable_clips_is_in_the_checkpoint() -> None:
    module, _ = stepped(batches=2)
    checkpoint: dict[str, Any] = {}
    module.on_save_checkpoint(checkpoint)
    other, _ = stepped(batches=0)
    other.on_load_checkpoint(checkpoint)
    assert other.faults.clips == 2 * 2
