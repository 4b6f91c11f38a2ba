import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.utilities import rank_zero_only

from selfvid.signals import INTERRUPTED
from selfvid.training import fit as fit_module
from selfvid.training.batches import BatchStream
from selfvid.training.checkpoints import saved
from selfvid.training.fit import Progress, RunClips, is_first_process
from tests.pretraining.runs import tiny_run

pytestmark = pytest.mark.slow

MODULE = cast(LightningModule, None)

SCRIPT = """
import sys
from pathlib import Path
from tests.pretraining.runs import tiny_run

if __name__ == "__main__":
    plan = {"devices": 2, "accumulate": int(sys.argv[3])}
    tiny_run(Path(sys.argv[1]), Path(sys.argv[2]), plan=plan, augment=None, device="cpu")
"""


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_processes_have_the_loss_of_one_with_both_batches(
    digits_manifest: Path, tmp_path: Path, accumulate: int
) -> None:
    root = Path(__file__).parents[2]
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    two = tmp_path / "two"
    done = subprocess.run(
        [sys.executable, str(script), str(digits_manifest), str(two), str(accumulate)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    one = tiny_run(digits_manifest, tmp_path / "one", augment=None, plan={"accumulate": accumulate})
    assert final_loss(two) == pytest.approx(final_loss(one), rel=1e-4)


@pytest.mark.skipif(sys.platform != "linux", reason="finds the second process in /proc")
def test_a_signal_to_the_second_process_stops_both_and_says_so(
    digits_manifest: Path, tmp_path: Path
) -> None:
    root, out = Path(__file__).parents[2], tmp_path / "run"
    settings = {
        "data": digits_manifest, "out": out, "size": 32, "workers": 0, "device": "cpu",
        "training.devices": 2, "training.steps": 5000, "training.batch": 16,
    }  # fmt: skip
    words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    with subprocess.Popen(
        [sys.executable, "-m", "selfvid", "pretrain", "--config", "vicreg", *words],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    ) as first:
        until = time.monotonic() + 120
        while '"loss"' not in text_of(out / "history.jsonl"):
            assert time.monotonic() < until
            assert first.poll() is None
            time.sleep(0.1)
        (second,) = text_of(Path(f"/proc/{first.pid}/task/{first.pid}/children")).split()
        os.kill(int(second), signal.SIGTERM)
        _, said = first.communicate(timeout=60)
    assert first.returncode == INTERRUPTED
    assert "stopped by SIGTERM and saved" in said
    assert not (out / "summary.json").exists()
    assert saved(out / "checkpoints")


def text_of(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def final_loss(run: Path) -> float:
    lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    return float([line["loss"] for line in lines if "loss" in line][-1])


def trainer(*, step: int, first: bool = True) -> Trainer:
    made = SimpleNamespace(global_step=step, max_steps=20, is_global_zero=first)
    return cast(Trainer, made)


def test_the_bar_of_a_resumed_run_begins_at_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    bar = Progress("pretraining")
    bar.on_train_start(trainer(step=12), MODULE)
    assert "pretraining" in shown.getvalue()
    assert "12/20" in shown.getvalue()
    bar.on_train_batch_end(trainer(step=13), MODULE, {"loss": torch.tensor(0.25)}, None, 0)
    bar.on_train_batch_end(trainer(step=13), MODULE, {"loss": torch.tensor(0.5)}, None, 1)
    bar.teardown(trainer(step=13), MODULE, "fit")
    last = shown.getvalue().split("\r")[-1]
    assert "13/20" in last
    assert "loss=0.5" in last


def test_other_processes_show_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    bar = Progress("pretraining")
    bar.on_train_start(trainer(step=0, first=False), MODULE)
    bar.on_exception(trainer(step=0, first=False), MODULE, ValueError())
    assert shown.getvalue() == ""


def test_the_process_of_rank_zero_is_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 0)
    assert is_first_process()
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    assert not is_first_process()


def test_batches_are_shared_out_before_they_are_made_and_closed_after_an_error() -> None:
    made = []

    class Source:
        def batches(self, stream: BatchStream, device: torch.device) -> list[list[int]]:
            made.append((stream.rank, stream.world, device.type))
            return [[0]]

    clips = RunClips(Source(), BatchStream(8, per_batch=4, total=2, seed=0))  # type: ignore[arg-type]
    clips.on_exception(ValueError())  # before training began
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    place = SimpleNamespace(global_rank=1, world_size=2, strategy=strategy)
    clips.trainer = cast(Trainer, place)
    assert len(clips.train_dataloader()) == 2
    assert made == [(1, 2, "cpu")]
    clips.teardown("fit")


def test_messages_of_lightning_are_hidden_only_while_it_trains() -> None:
    talker = logging.getLogger("pytorch_lightning")
    before = talker.level
    with fit_module._quiet():
        assert not talker.isEnabledFor(logging.INFO)
        assert talker.isEnabledFor(logging.WARNING)
        with pytest.warns(UserWarning, match="ours"):
            warnings.warn("ours", stacklevel=1)
    assert talker.level == before
