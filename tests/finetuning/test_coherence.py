import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from selfvid.backbones.small import SmallNet
from selfvid.cli.commands import main
from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.faults import FaultCounter, FaultPolicy
from selfvid.data.clips.sampling import EvenClips, RandomClips
from selfvid.data.indexing.command import index
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.base import load_encoder
from selfvid.encoders.flow_input import FlowStack
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.finetuning.classifier import Classifier
from selfvid.finetuning.coherence import (
    AlternatingStream,
    Coherence,
    JointTraining,
    not_consecutive,
)
from selfvid.finetuning.result import FinetuneResult
from selfvid.heads.average import Average
from selfvid.training.batches import BalancedStream, BatchStream
from selfvid.training.rates import UNIFORM, Rates
from selfvid.training.schedule import Training
from selfvid.types import ClipBatch
from tests.data.images import indexed_stills, turntable
from tests.finetuning.tuned import PLAIN_SGD, history, same, tanh_encoder, tuned, without_speed
from tests.pretraining.power_cut import power_cut

pytestmark = pytest.mark.slow


def trained(
    manifest: Path, out: Path, *, plan: dict[str, Any] | None = None, **more: Any
) -> FinetuneResult:
    arguments: dict[str, Any] = {
        "encoder": tanh_encoder(),
        "head": lambda widths, classes: Average(widths, classes, dropout=0.5),
        "views": EvenClips(frames=2),
        "augment": Augmentation(crop=0.2),
        "coherence": Coherence(data=str(manifest), batch=4, margin=2.0),
    }
    return tuned(
        manifest, out, frames=2, plan={**PLAIN_SGD, **(plan or {})}, **{**arguments, **more}
    )


def streams(steps: int) -> tuple[BatchStream, BatchStream]:
    labelled = BatchStream(5, per_batch=2, total=steps, seed=3)
    return labelled, BalancedStream([0] * 7, per_batch=4, total=2 * steps, seed=3)


def test_supervised_pull_and_push_batches_come_in_turn() -> None:
    labelled, footage = streams(steps=4)
    stream = AlternatingStream(labelled, footage)
    found = list(stream)
    assert len(found) == len(stream) == 12
    kinds = []
    for number, batch in enumerate(found):
        stream.done = number
        kinds.append(stream.kind)
        step = number // 3
        if number % 3 == 0:
            assert batch == labelled.batch(step)
            continue
        expected = footage.batch(2 * step + number % 3 - 1)
        assert [(key.epoch, key.index - 5) for key in batch] == [
            (key.epoch, key.index) for key in expected
        ]
    assert kinds == ["labels", "pull", "push"] * 4


def test_no_two_batches_draw_the_same_and_labels_draw_as_without_footage() -> None:
    stream = AlternatingStream(*streams(steps=4))
    draws = []
    for number in range(12):
        stream.done = number
        draws.append(stream.draw)
    assert draws[::3] == [0, 1, 2, 3]
    assert len(set(draws)) == 12


def clips_of(videos: tuple[str, ...], times: list[list[float]]) -> ClipBatch:
    torch.manual_seed(1)
    return ClipBatch(
        frames=torch.randint(256, (len(videos), 2, 3, 16, 16), dtype=torch.uint8),
        times=torch.tensor(times, dtype=torch.float64),
        videos=videos,
        labels=torch.arange(len(videos)) % 2,
    )


@pytest.fixture
def batch() -> ClipBatch:
    return clips_of(("a", "b", "c"), [[0.0, 0.1]] * 3)


@pytest.fixture
def joint() -> JointTraining:
    encoder = tanh_encoder()
    return JointTraining(
        Classifier(encoder, Average(encoder.widths, 2)),
        rates=UNIFORM,
        crop=None,
        coherence=Coherence(data="none.csv", margin=3.0),
        augment=None,
        training=Training(),
        stream=AlternatingStream(*streams(steps=4)),
        faults=FaultCounter(FaultPolicy()),
        seed=0,
    )


def moved(
    joint: JointTraining, batch: ClipBatch, *, number: int
) -> tuple[Tensor, Tensor, Classifier]:
    """Step vectors of the batch before and after one small update `number`."""
    before = copy.deepcopy(joint.classifier)
    joint.stream.done = number
    joint.training_step(batch, 0).backward()
    with torch.no_grad():
        for weight in joint.classifier.parameters():
            if weight.grad is not None:
                weight.sub_(0.003 * weight.grad)
    vectors = [model.encoder(batch.frames).steps.detach() for model in (before, joint.classifier)]
    return vectors[0], vectors[1], before


def test_a_pull_step_brings_consecutive_frames_nearer(
    joint: JointTraining, batch: ClipBatch
) -> None:
    z, after, _ = moved(joint, batch, number=1)
    near, nearer = ((v[:, 1] - v[:, 0]).abs().sum(-1) for v in (z, after))
    assert nearer.mean() < near.mean()
    # the loss is the mean of those distances, and what is written down
    assert joint.figures()["pull"] == pytest.approx(float(near.mean()), rel=1e-5)


def test_a_push_step_moves_other_frames_apart(joint: JointTraining, batch: ClipBatch) -> None:
    z, after, _ = moved(joint, batch, number=2)
    far, farther = ((v - v.roll(1, 0)).abs().sum(-1) for v in (z, after))
    assert farther.mean() > far.mean()
    by_hand = torch.stack([(3.0 - d).clamp_min(0) for d in far.flatten()]).mean()
    assert joint.figures()["push"] == pytest.approx(float(by_hand), rel=1e-5)


@pytest.mark.parametrize("number", [1, 2])
def test_steps_on_footage_leave_the_head_alone(
    joint: JointTraining, batch: ClipBatch, number: int
) -> None:
    *_, before = moved(joint, batch, number=number)
    for name, weight in joint.classifier.named_parameters():
        stays = torch.equal(weight, dict(before.named_parameters())[name])
        assert stays == name.startswith("head"), name


def test_frames_that_are_consecutive_by_chance_are_not_pushed() -> None:
    times = [[0.0, 0.1], [0.1, 0.2], [0.3, 0.4], [0.0, 0.1], [0.0, 0.1]]
    counted = not_consecutive(clips_of(("a", "a", "a", "b", "b"), times), steps=2, shift=1)
    # each against the clip before it, the first against the last
    assert counted.all(1).tolist() == [True, False, True, True, False]


def test_a_batch_without_a_pair_to_push_costs_nothing(joint: JointTraining) -> None:
    joint.stream.done = 2
    loss = joint.training_step(clips_of(("a", "a"), [[0.0, 0.1], [0.1, 0.2]]), 0)
    assert float(loss.detach()) == 0


def test_at_weight_zero_it_is_plain_training(digits_manifest: Path, tmp_path: Path) -> None:
    still = Coherence(data=str(digits_manifest), batch=4, margin=2.0, weight=0.0)
    trained(digits_manifest, tmp_path / "joint", coherence=still)
    trained(digits_manifest, tmp_path / "plain", coherence=None)
    trained(digits_manifest, tmp_path / "pulled")
    assert same(tmp_path / "joint", tmp_path / "plain")
    assert not same(tmp_path / "pulled", tmp_path / "plain")


def test_steps_count_supervised_ones_and_the_rate_follows_them(
    digits_manifest: Path, tmp_path: Path
) -> None:
    plan = {"steps": 20, "warmup": 3}
    result = trained(digits_manifest, tmp_path / "joint", plan=plan)
    trained(digits_manifest, tmp_path / "plain", plan=plan, coherence=None)
    joint, plain = history(tmp_path / "joint"), history(tmp_path / "plain")
    assert [line["step"] for line in joint] == [line["step"] for line in plain] == [10, 20]
    assert [line["rate"] for line in joint] == [line["rate"] for line in plain]
    assert all({"loss", "accuracy", "pull", "push"} <= set(line) for line in joint)
    assert not any("pull" in line for line in plain)
    assert (result.protocol["steps"], result.protocol["updates"]) == (20, 60)
    assert result.protocol["coherence"]["margin"] == 2.0


# Updates 4 and 5 lie within a step, update 6 ends one.
@pytest.mark.parametrize("update", [4, 5, 6])
def test_a_run_stopped_at_any_update_ends_as_one_never_stopped(
    digits_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, update: int
) -> None:
    plan = {"optimiser": "adamw"}
    whole = trained(digits_manifest, tmp_path / "whole", plan=plan)
    with power_cut(monkeypatch, before=update, saved_in=tmp_path / "cut"):
        trained(digits_manifest, tmp_path / "cut", plan=plan)
    again = trained(digits_manifest, tmp_path / "cut", plan=plan, resume=True)
    assert same(tmp_path / "whole", tmp_path / "cut")
    assert again.accuracy == whole.accuracy


def test_workers_do_not_change_what_is_learnt(digits_manifest: Path, tmp_path: Path) -> None:
    trained(digits_manifest, tmp_path / "none", workers=0)
    trained(digits_manifest, tmp_path / "two", workers=2)
    assert same(tmp_path / "none", tmp_path / "two")


def test_test_videos_in_the_footage_make_a_run_transductive(
    digits_manifest: Path, tmp_path: Path
) -> None:
    whole = Manifest.read(digits_manifest)
    part = whole.select([row.split == "train" for row in whole.rows])
    part.write(digits_manifest.with_name("train_only.csv"))
    train_only = Coherence(data=str(digits_manifest.with_name("train_only.csv")), batch=4)
    every = trained(digits_manifest, tmp_path / "every")
    other = trained(digits_manifest, tmp_path / "other", coherence=train_only)
    assert (every.footage["seen"], every.footage["tested"]) == (8, 8)
    assert other.footage["seen"] == 0
    assert any(verdict.startswith("transductive: 8 of 8") for verdict in every.verdicts)
    assert "in turn with coherence on" in every.heading
    past = load_encoder(tmp_path / "every").provenance
    assert set(past.footage) == {row.video for row in whole.usable.rows}


def test_stills_that_the_footage_shows_make_a_run_transductive(tmp_path: Path) -> None:
    images = turntable(tmp_path / "images")
    indexed_stills(images, tmp_path / "labelled.csv")
    index(tmp_path / "images", out=tmp_path / "turning.csv", workers=1, quiet=True)
    coherence = Coherence(data=str(tmp_path / "turning.csv"), batch=4, margin=2.0)
    result = trained(
        tmp_path / "labelled.csv",
        tmp_path / "run",
        label="label",
        clips=RandomClips(frames=1),
        views=EvenClips(frames=1),
        coherence=coherence,
    )
    assert (result.footage["seen"], result.footage["tested"]) == (2, 2)
    past = set(load_encoder(tmp_path / "run").provenance.footage)
    assert past == {
        row.video
        for name in ("labelled.csv", "turning.csv")
        for row in Manifest.read(tmp_path / name).rows
    }


def test_footage_that_cannot_be_read_is_replaced_and_counted(
    digits_manifest: Path, tmp_path: Path
) -> None:
    whole = Manifest.read(digits_manifest)
    rows = [
        dataclasses.replace(row, path=f"gone{at}.mp4") if at % 2 else row
        for at, row in enumerate(whole.rows)
    ]
    footage = digits_manifest.with_name("half_gone.csv")
    Manifest(tuple(rows), whole.root).write(footage)
    half = Coherence(data=str(footage), batch=4)
    trained(digits_manifest, tmp_path / "kept", coherence=half, faults=FaultPolicy(share=1.0))
    with pytest.raises(InputError, match=r"clips \(.*could not be read"):
        trained(digits_manifest, tmp_path / "run", coherence=half, plan={"steps": 40})


def test_the_recipe_of_a_joint_run_makes_the_same_run(
    digits_manifest: Path, tmp_path: Path
) -> None:
    trained(digits_manifest, tmp_path / "first", head=Average)
    for before, after in (("first", "second"), ("second", "third")):
        recipe = tmp_path / before / "recipe.yaml"
        with pytest.raises(SystemExit) as left:
            main(["finetune", "--config", str(recipe), "--out", str(tmp_path / after)])
        assert left.value.code == 0
    assert same(tmp_path / "second", tmp_path / "third")


def test_the_command_line_takes_a_manifest_as_it_is(digits_manifest: Path, tmp_path: Path) -> None:
    trained(digits_manifest, tmp_path / "first", head=Average, coherence=None)
    words = ["finetune", "--config", str(tmp_path / "first" / "recipe.yaml")]
    words += ["--coherence", str(digits_manifest), "--out", str(tmp_path / "second")]
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 0
    result = json.loads((tmp_path / "second" / "result.json").read_text())
    assert result["protocol"]["updates"] == 12


@pytest.mark.parametrize(
    ("arguments", "options", "complaint"),
    [
        ({"data": ""}, {}, "coherence has no data; expected a manifest"),
        ({"data": "missing.csv"}, {}, "missing.csv"),
        ({"clips": RandomClips(frames=1)}, {}, "clips of coherence have 1 frames; expected at"),
        ({"clips": RandomClips(frames=400)}, {}, "longer than every video|gives a clip of 400"),
        ({"margin": 0.0}, {}, "margin of coherence is 0.0"),
        ({"batch": 1}, {}, "batch of coherence is 1; expected the clips of at least two videos"),
        ({}, {"rates": {"encoder": 0}}, "coherence trains the encoder, whose rate is 0"),
        ({}, {"plan": {"accumulate": 2}}, "accumulate is 2 and steps are taken in turn"),
        ({}, {"plan": {"devices": 2}}, "expected ddp_find_unused_parameters_true"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    digits_manifest: Path,
    tmp_path: Path,
    arguments: dict[str, Any],
    options: dict[str, Any],
    complaint: str,
) -> None:
    arguments = {"data": str(digits_manifest), "batch": 4, **arguments}
    with pytest.raises(InputError, match=complaint) as raised:
        trained(digits_manifest, tmp_path / "run", coherence=Coherence(**arguments), **options)
    assert "\n" not in str(raised.value)


def test_without_its_footage_a_run_leaves_no_folder(digits_manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.csv"):
        trained(digits_manifest, tmp_path / "run", coherence=Coherence(data="missing.csv", batch=4))
    assert not (tmp_path / "run").exists()


def test_an_encoder_of_flow_is_refused() -> None:
    encoder = FrameEncoder(SmallNet(channels=4, stages=(8,)), input=FlowStack(2))
    with pytest.raises(InputError, match="the encoder takes flow; expected an encoder of pixels"):
        Coherence().check(encoder, flow="flow", rates=Rates({}), training=Training())


# The newest checkpoint is of update 24, which ends step 8. Step 10, of updates 28 to 30, is in the
# history at update 35 and not yet at update 29.
@pytest.mark.parametrize("update", [29, 35])
def test_a_joint_run_that_is_killed_and_resumed_has_every_step_once_in_its_history(
    digits_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, update: int
) -> None:
    plan = {"steps": 20, "checkpoint_every": 8}
    trained(digits_manifest, tmp_path / "whole", plan=plan)
    with power_cut(monkeypatch, before=update):
        trained(digits_manifest, tmp_path / "cut", plan=plan)
    trained(digits_manifest, tmp_path / "cut", plan=plan, resume=True)
    assert [line["step"] for line in history(tmp_path / "cut")] == [10, 20]
    assert without_speed(tmp_path / "cut") == without_speed(tmp_path / "whole")


@pytest.mark.parametrize("update", [28, 29])
def test_a_run_stopped_within_a_step_writes_all_losses_of_that_step(
    digits_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, update: int
) -> None:
    plan = {"steps": 10}
    trained(digits_manifest, tmp_path / "whole", plan=plan)
    with power_cut(monkeypatch, before=update, saved_in=tmp_path / "cut"):
        trained(digits_manifest, tmp_path / "cut", plan=plan)
    trained(digits_manifest, tmp_path / "cut", plan=plan, resume=True)
    assert without_speed(tmp_path / "cut") == without_speed(tmp_path / "whole")
