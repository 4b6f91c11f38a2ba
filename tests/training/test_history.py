import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from pytorch_lightning import Trainer
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)
from torch import nn

from selfvid.training.batches import BatchStream
from selfvid.training.history import LOG_EVERY, History
from selfvid.training.module import SeededTraining
from selfvid.training.schedule import Training
from selfvid.types import Losses


class Learner(SeededTraining):
    @property
    def learner(self) -> nn.Module:
        return self


class Run:
    """A run of a number of updates in which the callback sees a batch of three clips for each."""

    def __init__(
        self, folder: Path, *, updates: int = 1, world: int = 1, first: bool = True
    ) -> None:
        self.module = Learner(
            training=Training(), stream=BatchStream(1, per_batch=1, total=1, seed=0), seed=0
        )
        folder.mkdir(exist_ok=True)
        self.callback = History(folder / "history.jsonl", folder / "events", updates=updates)
        optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.25)
        progress = SimpleNamespace(current=SimpleNamespace(ready=0))
        self.trainer: Any = SimpleNamespace(
            global_step=0,
            max_steps=10_000,
            accumulate_grad_batches=1,
            is_global_zero=first,
            world_size=world,
            optimizers=[optimiser],
            fit_loop=SimpleNamespace(epoch_loop=SimpleNamespace(batch_progress=progress)),
        )

    def go(self, begin: int, end: int) -> None:
        trainer = cast(Trainer, self.trainer)
        self.trainer.global_step = begin
        self.callback.on_train_start(trainer, self.module)
        for step in range(begin + 1, end + 1):
            self.trainer.global_step = step
            loss = torch.tensor(1.0 / step)
            self.module.losses = Losses(loss, {"pull": 2 * loss})
            self.callback.on_train_batch_end(trainer, self.module, None, [0, 0, 0], 0)
        self.callback.teardown(trainer, self.module, "fit")


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def test_every_tenth_step_and_the_last_are_logged(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.trainer.max_steps = 34
    run.go(0, 34)
    found = lines(tmp_path)
    assert [line["step"] for line in found] == [*range(LOG_EVERY, 34, LOG_EVERY), 34]
    for line in found:
        assert line["loss"] == pytest.approx(1 / line["step"])
        assert line["pull"] == pytest.approx(2 / line["step"])
        assert line["rate"] == 0.25
    assert run.callback.latest == pytest.approx({"loss": 1 / 34, "pull": 2 / 34})


def test_speed_counts_the_clips_of_all_processes_since_the_line_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([100.0, 102.0, 107.0])  # the start, then each line
    monkeypatch.setattr("selfvid.training.history.time.perf_counter", lambda: next(clock))
    Run(tmp_path, world=2).go(0, 20)
    speeds = [line["clips_per_second"] for line in lines(tmp_path)]
    assert speeds == [10 * 3 * 2 / 2.0, 10 * 3 * 2 / 5.0]


def test_several_updates_make_one_step_of_the_history(tmp_path: Path) -> None:
    run = Run(tmp_path, updates=3)
    run.go(0, 64)
    assert [line["step"] for line in lines(tmp_path)] == [10, 20]
    assert [line["loss"] for line in lines(tmp_path)] == pytest.approx([1 / 30, 1 / 60])


def test_steps_that_a_resumed_run_makes_again_replace_those_in_tensorboard(tmp_path: Path) -> None:
    Run(tmp_path).go(0, 40)
    Run(tmp_path).go(20, 30)
    events = EventAccumulator(str(tmp_path / "events")).Reload()
    assert [event.step for event in events.Scalars("loss")] == [10, 20, 30]


def test_other_processes_write_nothing(tmp_path: Path) -> None:
    Run(tmp_path, first=False).go(0, 20)
    assert list(tmp_path.iterdir()) == []


def test_numbers_are_noted_under_their_step(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.go(0, 1)
    run.callback.note(7, {"rank": math.pi})
    assert lines(tmp_path) == [{"step": 7, "rank": math.pi}]
    run.callback.on_exception(cast(Trainer, run.trainer), run.module, ValueError())


def test_a_failing_tensorboard_does_not_end_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("selfvid.training.history.SummaryWriter.add_scalar", full)
    Run(tmp_path).go(0, 3 * LOG_EVERY)
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 3
    assert [record.message for record in caplog.records] == [
        f"TensorBoard's log in {tmp_path / 'events'} ends here (the disk is full); the run goes on"
    ]
