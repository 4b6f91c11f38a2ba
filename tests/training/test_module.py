"""What becomes of gradients between the loss and the weights."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from selfvid.compute import Precision
from selfvid.data.digits.stream import DigitStream
from selfvid.encoders.base import load_encoder
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.vectors import FlatFrames
from selfvid.objectives.lstm_autoencoder import LSTMAutoencoder
from selfvid.pretraining.command import pretrain
from selfvid.training.schedule import Training

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
