import json
import os
import signal
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from selfvid import signals
from selfvid.errors import InputError, NotFinite
from selfvid.signals import Stopped
from selfvid.training import fit as fit_module
from selfvid.training.checkpoints import (
    KEPT,
    Checkpoints,
    Interrupted,
    accumulating,
    newest_whole,
    saved,
    scale_rates,
    step_of,
)
from selfvid.training.run_folder import RunFolder
from tests.pretraining.runs import forget_beyond, tiny_run, weights

MODULE = cast(LightningModule, torch.nn.Linear(1, 1))


class KillAt(Callback):
    """Sends this process a signal at the end of a batch."""

    def __init__(self, batch: int, sign: signal.Signals) -> None:
        self.batch = batch
        self.sign = sign

    def on_train_batch_end(self, *args: Any) -> None:
        if args[-1] == self.batch:
            os.kill(os.getpid(), self.sign)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_first_and_the_run_resumes_from_there(
    digits_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign: signal.Signals
) -> None:
    whole = tiny_run(digits_manifest, tmp_path / "whole")
    with monkeypatch.context() as patched:
        patched.setattr(fit_module, "Progress", lambda _: KillAt(2, sign))
        with pytest.raises(Interrupted, match=f"{sign.name}.*--resume"):
            tiny_run(digits_manifest, tmp_path / "cut")
    assert step_of(saved(tmp_path / "cut" / "checkpoints")[0]) in (3, 4)
    assert not (tmp_path / "cut" / "encoder").exists()
    resumed = tiny_run(digits_manifest, tmp_path / "cut", resume=True)
    expected, got = weights(whole), weights(resumed)
    assert all(torch.equal(expected[name], got[name]) for name in expected)


def test_a_damaged_last_checkpoint_falls_back_to_the_one_before(
    digits_manifest: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tiny_run(digits_manifest, tmp_path / "run")
    expected = weights(run)
    forget_beyond(run, 6)
    last = saved(run / "checkpoints")[0]
    content = bytearray(last.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64 * [0xA5])
    last.write_bytes(bytes(content))
    resumed = tiny_run(digits_manifest, run, resume=True)
    assert "damaged" in caplog.text
    got = weights(resumed)
    assert all(torch.equal(expected[name], got[name]) for name in expected)


def test_only_damaged_checkpoints_are_an_error_that_says_so(
    digits_manifest: Path, tmp_path: Path
) -> None:
    run = tiny_run(digits_manifest, tmp_path / "run")
    forget_beyond(run, 6)
    for checkpoint in saved(run / "checkpoints"):
        checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"all 2 checkpoints .* are damaged"):
        tiny_run(digits_manifest, run, resume=True)


def write(folder: Path, step: int) -> Path:
    path = folder / f"step-{step:08d}.ckpt"
    torch.save({"weight": torch.full((50,), float(step))}, path)
    return path


def test_the_newest_checkpoint_is_that_of_the_latest_step(tmp_path: Path) -> None:
    assert newest_whole(tmp_path) is None
    paths = [write(tmp_path, step) for step in (9, 100_000_000, 20)]
    (tmp_path / ".step-00000030.ckpt.unfinished").write_bytes(b"half")
    assert [step_of(path) for path in saved(tmp_path)] == [100_000_000, 20, 9]
    assert newest_whole(tmp_path) == paths[1]


@pytest.mark.parametrize("damage", ["cut short", "changed", "empty"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, damage: str) -> None:
    good, bad = write(tmp_path, 1), write(tmp_path, 2)
    content = bytearray(bad.read_bytes())
    place = content.index(torch.full((50,), 2.0).numpy().tobytes())
    content[place + 3] ^= 1
    damaged = {"cut short": bytes(content[:200]), "changed": bytes(content), "empty": b""}
    bad.write_bytes(damaged[damage])
    assert newest_whole(tmp_path) == good


class SavingTrainer:
    """The part of a trainer that the callback uses; `save_checkpoint` writes the step.

    It notes after how many batches it was called.
    """

    def __init__(self, *, accumulate: int = 1) -> None:
        self.global_step = 0
        self.accumulate_grad_batches = accumulate
        self.is_global_zero = True
        self.should_stop = False
        self.saved_after: list[int] = []
        self.world_size = 1
        self.elsewhere = 0  # the signal that another process got
        self.strategy = SimpleNamespace(
            root_device=torch.device("cpu"),
            reduce=lambda received, **_: max(int(received), self.elsewhere),
        )
        progress = SimpleNamespace(current=SimpleNamespace(ready=0))
        loop = SimpleNamespace(batch_progress=progress)
        self.fit_loop = SimpleNamespace(epoch_loop=loop)

    def save_checkpoint(self, path: Path) -> None:
        path.write_text(str(self.global_step))
        self.saved_after.append(self.fit_loop.epoch_loop.batch_progress.current.ready)

    def train(self, callback: Checkpoints, batches: int) -> None:
        ready = self.fit_loop.epoch_loop.batch_progress.current
        for _ in range(batches):
            ready.ready += 1
            self.global_step = ready.ready // self.accumulate_grad_batches
            callback.on_train_batch_end(cast(Trainer, self), MODULE, None, None, 0)
            if self.should_stop:
                break


def test_checkpoints_are_saved_at_their_interval_and_the_last_two_kept(tmp_path: Path) -> None:
    SavingTrainer().train(Checkpoints(tmp_path, every=3), 11)
    assert [step_of(path) for path in saved(tmp_path)] == [9, 6][:KEPT]
    assert saved(tmp_path)[0].read_text() == "9"
    assert len(list(tmp_path.iterdir())) == KEPT


def test_an_accumulated_step_is_saved_once_and_only_when_it_is_made(tmp_path: Path) -> None:
    trainer = SavingTrainer(accumulate=4)
    trainer.train(Checkpoints(tmp_path, every=1), 9)
    assert trainer.saved_after == [4, 8]
    assert accumulating(cast(Trainer, trainer))


def test_a_signal_lets_the_step_end_and_a_later_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback, trainer = Checkpoints(tmp_path, every=100), SavingTrainer(accumulate=2)
    before = signal.getsignal(signal.SIGTERM)
    callback.raise_if_stopped()
    callback.on_train_start(cast(Trainer, trainer), MODULE)
    try:
        trainer.train(callback, 2)
        signal.raise_signal(signal.SIGTERM)
        assert not saved(tmp_path)
        trainer.train(callback, 9)
        assert trainer.should_stop
        assert [step_of(path) for path in saved(tmp_path)] == [2]
        signal.raise_signal(signal.SIGTERM)  # schedulers repeat a signal
        monkeypatch.setattr(signals, "PATIENCE", 0.0)
        with pytest.raises(Stopped, match="stopped by SIGHUP"):
            signal.raise_signal(signal.SIGHUP)
    finally:
        callback.teardown(cast(Trainer, trainer), MODULE, "fit")
    assert signal.getsignal(signal.SIGTERM) is before
    with pytest.raises(Interrupted, match=r"stopped by SIGTERM and saved in .*; .* --resume"):
        callback.raise_if_stopped()


def test_a_signal_to_another_process_of_the_run_stops_this_one_in_the_same_words(
    tmp_path: Path,
) -> None:
    callback, trainer = Checkpoints(tmp_path, every=100), SavingTrainer()
    trainer.world_size = 2
    trainer.train(callback, 3)
    assert not trainer.should_stop
    trainer.elsewhere = signal.SIGTERM
    trainer.train(callback, 3)
    assert [step_of(path) for path in saved(tmp_path)] == [4]
    with pytest.raises(Interrupted, match="stopped by SIGTERM and saved"):
        callback.raise_if_stopped()


def test_a_signal_after_the_last_step_is_heeded(tmp_path: Path) -> None:
    callback, trainer = Checkpoints(tmp_path, every=100), SavingTrainer()
    callback.on_train_start(cast(Trainer, trainer), MODULE)
    try:
        trainer.train(callback, 2)
        signal.raise_signal(signal.SIGHUP)
        callback.on_train_end(cast(Trainer, trainer), MODULE)
    finally:
        callback.teardown(cast(Trainer, trainer), MODULE, "fit")
    assert [step_of(path) for path in saved(tmp_path)] == [2]
    with pytest.raises(Interrupted, match="SIGHUP"):
        callback.raise_if_stopped()


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    module, trainer = torch.nn.BatchNorm1d(2), SavingTrainer()
    assert module.running_var is not None
    module.running_var[1] = torch.inf
    trainer.global_step = trainer.fit_loop.epoch_loop.batch_progress.current.ready = 2
    callback = Checkpoints(tmp_path, every=1)
    with pytest.raises(NotFinite, match="weights are not finite at step 2"):
        callback.on_train_batch_end(
            cast(Trainer, trainer), cast(LightningModule, module), None, None, 0
        )
    assert not list(tmp_path.iterdir())


def test_a_run_goes_on_with_a_lower_rate_from_its_last_checkpoint(
    digits_manifest: Path, tmp_path: Path
) -> None:
    plan = {"optimiser": "sgd", "momentum": 0.0, "weight_decay": 0.0, "rate": 0.01}
    run = tiny_run(digits_manifest, tmp_path / "run", plan=plan)
    rates = noted_rates(run)
    forget_beyond(run, 4)
    tiny_run(digits_manifest, run, plan=plan | {"rate": 0.001}, resume=True)
    assert noted_rates(run)[-1] == pytest.approx(rates[-1] / 10)
    assert RunFolder(run).read_recipe()["training"]["rate"] == 0.001
    rates_of = [group["lr"] for state in checkpoint_of(run) for group in state["param_groups"]]
    assert max(rates_of) < 0.001


def noted_rates(run: Path) -> list[float]:
    lines = map(json.loads, (run / "history.jsonl").read_text().splitlines())
    return [line["rate"] for line in lines if "rate" in line]


def checkpoint_of(run: Path) -> list[dict[str, Any]]:
    states = torch.load(saved(run / "checkpoints")[0], weights_only=True)["optimizer_states"]
    return list(states)


def test_all_rates_of_a_checkpoint_are_scaled() -> None:
    checkpoint = {
        "optimizer_states": [
            {"param_groups": [{"lr": 0.5, "initial_lr": 1.0, "betas": (0.9, 0.1)}]}
        ],
        "lr_schedulers": [{"base_lrs": [1.0], "_last_lr": [0.5], "last_epoch": 7}],
    }
    scale_rates(checkpoint, 0.1)
    assert checkpoint == {
        "optimizer_states": [
            {"param_groups": [{"lr": 0.05, "initial_lr": 0.1, "betas": (0.9, 0.1)}]}
        ],
        "lr_schedulers": [{"base_lrs": [0.1], "_last_lr": [0.05], "last_epoch": 7}],
    }


def test_a_run_outside_the_main_thread_leaves_signals_alone(tmp_path: Path) -> None:
    before, trainer = signal.getsignal(signal.SIGINT), cast(Trainer, SavingTrainer())
    callback, found = Checkpoints(tmp_path, every=1), []

    def start() -> None:
        callback.on_train_start(trainer, MODULE)
        found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert found == [before]
