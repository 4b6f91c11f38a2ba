import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from matplotlib.image import imread
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor, nn

from selfvid.backbones.small import SmallNet
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.objectives.base import Objective
from selfvid.pretraining.collapse import measure_collapse
from selfvid.pretraining.previews import Previews
from selfvid.training.run_folder import RunFolder
from selfvid.types import ClipBatch, Losses

MODULE = cast(LightningModule, None)


class Pictured(Objective):
    """An objective that shows the brightness of a random clip."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = FrameEncoder(SmallNet(channels=1, stages=(8,)))
        self.dropout = nn.Dropout()

    def forward(self, clip: Tensor) -> Losses:
        return Losses(self.encoder(clip).clip.sum())

    def preview(self, clip: Tensor) -> dict[str, Tensor]:
        assert not self.training
        assert not torch.is_grad_enabled()
        chosen = clip[int(torch.randint(len(clip), ()))]  # draws a random number
        return {"clip": chosen[0].byte()}


def sample(*, alike: bool = False) -> ClipBatch:
    """Two clips of each of eight videos, or one clip sixteen times."""
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(256, (16, 1, 3, 8, 8), generator=generator, dtype=torch.uint8)
    frames = frames[:1].expand(16, -1, -1, -1, -1) if alike else frames
    videos = tuple(f"video {number // 2}" for number in range(16))
    return ClipBatch(frames, torch.zeros(16, 1, dtype=torch.float64), videos)


def previews(folder: Path, **more: Any) -> tuple[Previews, Any]:
    """The callback with its logs opened, and a trainer in the middle of training."""
    torch.manual_seed(0)
    run = RunFolder(folder)
    run.create()
    settings: dict[str, Any] = {"sample": sample(), "every": 4, "precision": "float32"}
    made = Previews(run, Pictured(), **(settings | more))
    progress = SimpleNamespace(current=SimpleNamespace(ready=0))
    trainer = SimpleNamespace(
        global_step=0,
        max_steps=9,
        accumulate_grad_batches=1,
        is_global_zero=True,
        world_size=1,
        optimizers=[],
        fit_loop=SimpleNamespace(epoch_loop=SimpleNamespace(batch_progress=progress)),
    )
    return made, trainer


def train(made: Previews, trainer: Any, *, first: int = 0, last: int = 8) -> None:
    trainer.global_step = first
    made.on_train_start(cast(Trainer, trainer), MODULE)
    for step in range(first + 1, last + 1):
        trainer.global_step = step
        made.on_train_batch_end(cast(Trainer, trainer), MODULE, None, sample(), 0)
    made.teardown(cast(Trainer, trainer), MODULE, "fit")


def steps(folder: Path) -> list[int]:
    lines = (folder / "history.jsonl").read_text().splitlines()
    return [json.loads(line)["step"] for line in lines if "feature_spread" in line]


def test_previews_are_made_at_the_start_and_at_their_interval(tmp_path: Path) -> None:
    train(*previews(tmp_path / "run"))
    assert steps(tmp_path / "run") == [0, 4, 8]
    pictures = sorted(path.name for path in (tmp_path / "run" / "pictures").iterdir())
    assert pictures == [f"clip-{step:08d}.png" for step in (0, 4, 8)]


def test_a_resumed_run_makes_no_preview_of_its_start(tmp_path: Path) -> None:
    made, trainer = previews(tmp_path / "run")
    train(made, trainer, first=4, last=8)
    assert steps(tmp_path / "run") == [8]


def test_a_preview_measures_the_sample_and_leaves_training_as_it_was(tmp_path: Path) -> None:
    made, trainer = previews(tmp_path / "run")
    made.objective.train()
    before = torch.get_rng_state()
    train(made, trainer, last=4)
    assert torch.equal(torch.get_rng_state(), before)
    assert made.objective.training
    vectors = made.objective.encoder.eval()(sample().clip()).clip
    expected = measure_collapse(vectors, list(sample().videos)).as_dict()
    assert made.measures is not None
    assert made.measures.as_dict() == pytest.approx(expected)
    picture = imread(tmp_path / "run" / "pictures" / "clip-00000004.png")[..., :3]
    shown = (255 * torch.tensor(picture)).round().byte().permute(2, 0, 1)  # (3, H, W)
    assert any(torch.equal(shown, frame) for frame in sample().frames[:, 0])


def test_a_collapse_is_a_warning_once_and_not_before_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "selfvid")
    train(*previews(tmp_path / "run", sample=sample(alike=True)))
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("step 4: The encoder collapsed: all clips get nearly")


def test_vectors_that_are_not_finite_end_the_run_in_words(tmp_path: Path) -> None:
    callback, trainer = previews(tmp_path / "run")
    with torch.no_grad():
        next(callback.objective.encoder.parameters()).fill_(torch.nan)
    with pytest.raises(InputError, match="vectors of the sample are not finite at step 0"):
        callback.on_train_start(trainer, MODULE)


def test_other_processes_make_no_previews(tmp_path: Path) -> None:
    made, trainer = previews(tmp_path / "run")
    trainer.is_global_zero = False
    train(made, trainer)
    assert made.measures is None
    assert not (tmp_path / "run" / "history.jsonl").exists()
