from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from selfvid.backbones.small import SmallNet
from selfvid.encoders.base import load_encoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.finetuning.second_set import SecondData
from selfvid.heads.average import Average
from selfvid.heads.lrcn import LRCN
from selfvid.types import Widths
from tests.finetuning.tuned import history, small, small_run, weights, without_speed
from tests.pretraining.power_cut import power_cut

pytestmark = pytest.mark.slow


def test_a_frozen_encoder_stays_to_the_bit(split_manifest: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = FrameEncoder(SmallNet(channels=1, stages=(8, 8), norm="batch"))
    start = {name: value.clone() for name, value in encoder.state_dict().items()}
    small_run(split_manifest, tmp_path / "run", encoder=encoder, rates={"encoder": 0})
    for name, value in load_encoder(tmp_path / "run").state_dict().items():
        assert torch.equal(value, start[name]), name
    assert load_encoder(tmp_path / "run").provenance.footage == ()


def test_parts_learn_at_the_rates_that_are_given(split_manifest: Path, tmp_path: Path) -> None:
    plan = {
        "steps": 1, "optimiser": "sgd", "momentum": 0.0, "weight_decay": 0.0, "clip_norm": None,
        "staircase": (1.0, 1),
    }  # fmt: skip
    start = small().state_dict()

    def moved(name: str, **rates: float) -> dict[str, Tensor]:
        small_run(split_manifest, tmp_path / name, plan=plan, rates=rates)
        after = load_encoder(tmp_path / name).state_dict()
        return {key: after[key] - start[key] for key in start}

    full = moved("full")
    slow = moved("slow", **{"encoder": 0.5, "encoder.backbone.network.0": 0.1})
    for name, step in full.items():
        factor = 0.1 if name.startswith("backbone.network.0") else 0.5
        torch.testing.assert_close(slow[name], factor * step, rtol=1e-2, atol=1e-6)


def test_a_run_stopped_in_the_middle_ends_as_one_never_stopped(
    split_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = {"steps": 4}
    whole = small_run(split_manifest, tmp_path / "whole", plan=plan, head=partial(LRCN, hidden=5))
    with power_cut(monkeypatch, before=2):
        small_run(split_manifest, tmp_path / "cut", plan=plan, head=partial(LRCN, hidden=5))
    again = small_run(
        split_manifest, tmp_path / "cut", plan=plan, head=partial(LRCN, hidden=5), resume=True
    )
    for name, value in weights(tmp_path / "whole").items():
        assert torch.equal(weights(tmp_path / "cut")[name], value), name
    assert again.accuracy == whole.accuracy


def test_a_loaded_encoder_is_trained_like_one_made_anew(
    split_manifest: Path, tmp_path: Path
) -> None:
    made = FrameEncoder(SmallNet(channels=1, stages=(8, 8), norm="batch"))
    made.save(tmp_path / "start")

    def head(widths: Widths, classes: int) -> Average:
        torch.manual_seed(0)  # loading an encoder draws weights too
        return Average(widths, classes)

    anew = small_run(split_manifest, tmp_path / "anew", encoder=made, head=head)
    start: dict[str, Any] = {"encoder": None, "init": tmp_path / "start"}
    loaded = small_run(split_manifest, tmp_path / "loaded", head=head, **start)
    first, second = weights(anew.path), weights(loaded.path)
    means = [name for name in first if name.endswith("running_mean")]
    assert means
    for name in means:
        assert not torch.equal(first[name], made.state_dict()[name.removeprefix("encoder.")])
        torch.testing.assert_close(first[name], second[name])


@pytest.mark.parametrize("kind", ["clips", "kept features", "two data sets"])
def test_a_run_that_is_killed_and_resumed_has_every_step_once_in_its_history(
    split_manifest: Path,
    other_manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    options: dict[str, Any] = {"plan": {"steps": 40, "checkpoint_every": 8}}
    if kind == "kept features":
        options |= {"cache": 1, "rates": {"encoder": 0}}
    if kind == "two data sets":
        options["second"] = SecondData(data=str(other_manifest), label="side")
    small_run(split_manifest, tmp_path / "whole", **options)
    # Step 10 is in the history when the first cut comes, and the newest checkpoint is of step 8.
    for update in (15, 39):
        with power_cut(monkeypatch, before=update):
            small_run(split_manifest, tmp_path / "cut", **options, resume=update > 15)
    assert [line["step"] for line in history(tmp_path / "cut")] == [10, 20, 30]
    small_run(split_manifest, tmp_path / "cut", **options, resume=True)
    assert without_speed(tmp_path / "cut") == without_speed(tmp_path / "whole")
    assert [line["step"] for line in history(tmp_path / "cut")] == [10, 20, 30, 40]


def test_a_fold_that_is_killed_writes_its_own_history_anew(
    unsplit_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"plan": {"steps": 20, "checkpoint_every": 100}, "folds": 2}
    with power_cut(monkeypatch, before=15):
        small_run(unsplit_manifest, tmp_path / "run", **options)
    first = tmp_path / "run" / "folds" / "1"
    assert [line["step"] for line in history(first)] == [10]
    small_run(unsplit_manifest, tmp_path / "run", **options, resume=True)
    for fold in ("1", "2"):
        lines = history(tmp_path / "run" / "folds" / fold)
        assert [line["step"] for line in lines] == [10, 20]
