import copy
import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.crops import Crop
from selfvid.data.clips.dataset import ClipDataset, ClipKey, SideBySide
from selfvid.data.clips.faults import FaultCounter, FaultPolicy
from selfvid.data.clips.sampling import RandomClips
from selfvid.data.flow.command import compute_flow
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.flow_input import FlowStack
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.finetuning.classifier import TwoHeads
from selfvid.finetuning.second_set import MultiTaskTraining, PairedStream, SecondData
from selfvid.heads.average import Average
from selfvid.heads.gru_rcn import GRURCN
from selfvid.heads.lrcn import LRCN
from selfvid.training.batches import BatchStream
from selfvid.training.rates import UNIFORM
from selfvid.training.schedule import Training
from selfvid.types import ClipBatch, Features
from tests.finetuning.second import trained
from tests.finetuning.tuned import same, tanh_encoder, weights
from tests.pretraining.power_cut import power_cut

pytestmark = pytest.mark.slow


def streams() -> tuple[BatchStream, BatchStream]:
    return (
        BatchStream(5, per_batch=2, total=4, seed=3),
        BatchStream(7, per_batch=4, total=4, seed=4),
    )


def test_a_batch_is_one_of_each_stream_and_keys_of_the_second_count_on() -> None:
    first, second = streams()
    batches = list(PairedStream(*streams()))
    assert len(batches) == 4
    for number, batch in enumerate(batches):
        assert batch[:2] == first.batch(number)
        assert [ClipKey(key.epoch, key.index - 5) for key in batch[2:]] == second.batch(number)


def test_every_process_has_its_part_of_both_data_sets() -> None:
    whole = list(PairedStream(*streams()))
    shares = []
    for rank in range(2):
        stream = PairedStream(*streams())
        stream.share_out(rank, 2)
        shares.append(list(stream))
    for keys, one, other in zip(whole, *shares, strict=True):
        assert [one[0], other[0], *one[1:], *other[1:]] == keys
    with pytest.raises(InputError, match="2 videos in a batch cannot be shared by 3"):
        PairedStream(*streams()).share_out(0, 3)


def test_labels_of_the_second_data_set_count_on_too(digits_manifest: Path) -> None:
    videos = Manifest.read(digits_manifest)
    one, two = (
        ClipDataset(videos, RandomClips(frames=2), size=(8, 8), label=label)
        for label in ("direction", "digit")
    )
    both = SideBySide(one, two, classes=8)
    for at in (0, 5):
        assert both[at].clips[0].label == one[at].clips[0].label
        behind, own = both[len(one) + at].clips[0], two[at].clips[0]
        assert own.label is not None
        assert behind.label == own.label + 8
        assert torch.equal(behind.frames, own.frames)


def test_features_of_some_clips_are_rows_of_all_that_there_is() -> None:
    torch.manual_seed(0)
    maps = (torch.rand(3, 2, 4, 5, 5), torch.rand(3, 2, 6, 2, 2))
    whole = Features(
        torch.rand(3, 4), torch.rand(3, 2, 4), 2, 3, maps, torch.rand(3, 2, 2, 5, 5),
    )  # fmt: skip
    part = whole.of(slice(1, None))
    for value, chosen in (
        (whole.clip, part.clip),
        (whole.steps, part.steps),
        (whole.flow, part.flow),
        *zip(maps, part.maps or (), strict=True),
    ):
        assert value is not None
        assert chosen is not None
        assert torch.equal(chosen, torch.stack([value[1], value[2]]))
    assert (part.window, part.stride) == (2, 3)
    bare = Features(torch.rand(3, 4)).of(slice(2))
    assert len(bare.clip) == 2
    assert (bare.steps, bare.maps, bare.flow) == (None, None, None)


@pytest.fixture
def both() -> TwoHeads:
    encoder = tanh_encoder()
    return TwoHeads(encoder, Average(encoder.widths, 3), Average(encoder.widths, 2))


def batch_of(labels: list[int]) -> ClipBatch:
    torch.manual_seed(1)
    count = len(labels)
    return ClipBatch(
        frames=torch.randint(256, (count, 2, 3, 16, 16), dtype=torch.uint8),
        times=torch.zeros(count, 2, dtype=torch.float64),
        videos=tuple(f"video {number}" for number in range(count)),
        labels=torch.tensor(labels),
    )


def learning(both: TwoHeads, *, weight: float) -> MultiTaskTraining:
    return MultiTaskTraining(
        both,
        weight=weight,
        rates=UNIFORM,
        crop=None,
        augment=None,
        training=Training(),
        stream=PairedStream(*streams()),
        faults=FaultCounter(FaultPolicy()),
        seed=0,
    )


def gradients_by_hand(
    both: TwoHeads, clip: Tensor, labels: list[int], *, head: str
) -> tuple[float, dict[str, Tensor]]:
    """Loss and gradients of one head alone: minus the mean of the right class's logarithm."""
    alone = copy.deepcopy(both)
    alone.zero_grad()
    trained_head = alone.head if head == "head" else alone.second_head
    assert isinstance(trained_head, Average)
    votes = trained_head.last(alone.encoder(clip).steps)
    right = [votes[row, :, label].exp() for row, label in enumerate(labels)]
    shares = torch.stack([
        chosen / votes[row].exp().sum(-1) for row, chosen in enumerate(right)
    ])  # fmt: skip
    loss = -shares.log().mean()
    loss.backward()
    found = {n: w.grad for n, w in alone.named_parameters() if w.grad is not None}
    return float(loss.detach()), found


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_the_encoder_learns_from_the_sum_and_each_head_from_its_own(
    both: TwoHeads, weight: float
) -> None:
    batch = batch_of([2, 0, 3, 4, 4])  # three classes of the first, then two of the second
    first_loss, first = gradients_by_hand(both, batch.frames[:2], [2, 0], head="head")
    second_loss, second = gradients_by_hand(both, batch.frames[2:], [0, 1, 1], head="second_head")
    assert not any(name.startswith("second_head") for name in first)
    assert not any(name.startswith("head") for name in second)

    module = learning(both, weight=weight)
    module.training_step(batch, 0).backward()
    for name, parameter in both.named_parameters():
        expected = torch.zeros_like(parameter)
        if name in first:
            expected = expected + first[name]
        if name in second:
            expected = expected + weight * second[name]
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-4, atol=1e-7)
    figures = {name: value.detach() for name, value in module.figures().items()}
    assert float(figures["first_loss"]) == pytest.approx(first_loss, rel=1e-5)
    assert float(figures["second_loss"]) == pytest.approx(second_loss, rel=1e-5)
    total = first_loss + weight * second_loss
    assert float(figures["loss"]) == pytest.approx(total, rel=1e-5)


def test_the_accuracy_of_each_head_is_over_its_own_clips(both: TwoHeads) -> None:
    frames = batch_of([0] * 6).frames
    with torch.no_grad():
        first = both(frames)[0].probabilities.argmax(1)
        second = both.second(frames)[0].probabilities.argmax(1)
    # the first head right once of two, the second three times of four
    labels = [int(first[0]), (int(first[1]) + 1) % 3]
    labels += [3 + int(vote) for vote in second[2:5]] + [3 + 1 - int(second[5])]
    module = learning(both, weight=1.0)
    module.training_step(batch_of(labels), 0)
    assert float(module.figures()["accuracy"]) == 0.5
    assert float(module.figures()["second_accuracy"]) == 0.75


@pytest.mark.parametrize("labels", [[0, 1, 2], [3, 4, 3]])
def test_a_batch_of_one_data_set_only_is_refused(both: TwoHeads, labels: list[int]) -> None:
    with pytest.raises(InputError, match="clips of one of the two data sets only"):
        learning(both, weight=1.0).training_step(batch_of(labels), 0)


def test_what_the_first_trains_on_is_not_tested_through_the_second(
    digits_manifest: Path, same_footage: Path
) -> None:
    videos = Manifest.read(same_footage)
    places = np.arange(len(videos))
    rows = [
        dataclasses.replace(row, split="test" if at % 4 == 0 else "train")
        for at, row in enumerate(videos.rows)
    ]
    parted = digits_manifest.with_name("parted.csv")
    Manifest(tuple(rows), videos.root).write(parted)
    second = SecondData(data=str(parted), label="side")
    # of the second's test rows 0, 4, 8 ... the first trains on 0 to 9 and tests on 30 and 31
    part = second.part(videos.select(places[:10]), videos.select(places[30:]))
    assert part.test is not None
    kept = [row.video for at, row in enumerate(videos.rows) if at % 4 == 0 and at >= 10]
    assert [row.video for row in part.test.rows] == kept
    assert part.test_left_out == 3
    assert part.train_left_out == 2
    with pytest.raises(InputError, match="the first data set trains on all test videos of"):
        second.part(videos, videos.select([]))


def test_a_class_that_only_the_first_tests_on_is_refused_before_there_is_a_folder(
    digits_manifest: Path, tmp_path: Path
) -> None:
    whole = Manifest.read(digits_manifest)
    rows = [
        dataclasses.replace(row, split="", columns=row.columns | {"side": row.split})
        for row in whole.rows
    ]
    parted = digits_manifest.with_name("as_the_split.csv")
    Manifest(tuple(rows), whole.root).write(parted)
    with pytest.raises(InputError, match=r"side 'test' of .* has no training video that the first"):
        trained(
            digits_manifest, tmp_path / "run", second=SecondData(data=str(parted), label="side")
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "options", "complaint"),
    [
        ({"data": ""}, {}, "second has no data; expected a manifest of labelled videos"),
        ({"data": "missing.csv"}, {}, "missing.csv"),
        ({"label": "colour"}, {}, "column 'colour' is not in the manifest"),
        ({"weight": -1.0}, {}, "weight of second is -1.0; expected 0 or more"),
        ({"batch": 0}, {}, "of second: batch must be at least 1, got 0"),
        ({"batch": 3}, {"plan": {"accumulate": 2}}, "of second: batch 3 is no multiple of"),
        ({"flow": "flow"}, {}, "of second: flow is 'flow' but the encoder takes pixels"),
        ({}, {"rates": {"encoder": 0}}, "second trains the encoder, whose rate is 0"),
        ({}, {"clips": RandomClips(frames=400)}, "longer than every video"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    digits_manifest: Path,
    other_manifest: Path,
    tmp_path: Path,
    arguments: dict[str, Any],
    options: dict[str, Any],
    complaint: str,
) -> None:
    arguments = {"data": str(other_manifest), "label": "side", **arguments}
    with pytest.raises(InputError, match=complaint) as raised:
        trained(digits_manifest, tmp_path / "run", second=SecondData(**arguments), **options)
    assert "\n" not in str(raised.value)


def test_at_weight_zero_the_first_is_trained_as_alone(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path
) -> None:
    crop = Crop(28, mirror=0.5)  # drawn clip by clip, the first data set's before the second's
    second = SecondData(data=str(other_manifest), label="side", weight=0.0)
    trained(digits_manifest, tmp_path / "both", crop=crop, second=second)
    trained(digits_manifest, tmp_path / "alone", crop=crop)
    heavy = dataclasses.replace(second, weight=1.0)
    trained(digits_manifest, tmp_path / "heavy", crop=crop, second=heavy)
    ours, theirs = weights(tmp_path / "both"), weights(tmp_path / "alone")
    others = weights(tmp_path / "heavy")
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-4, atol=1e-6)
    changed = [name for name in theirs if not torch.allclose(others[name], theirs[name], atol=1e-4)]
    assert any(name.startswith("encoder") for name in changed)


@pytest.mark.parametrize("head", [GRURCN, partial(LRCN, hidden=5)], ids=["gru-rcn", "lrcn"])
def test_a_run_ends_the_same_stopped_or_not_and_with_workers(
    digits_manifest: Path,
    other_manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    head: Any,
) -> None:
    more: dict[str, Any] = {
        "head": head,
        "plan": {"optimiser": "adamw", "accumulate": 2},
        "augment": Augmentation(crop=0.2),
        "second": SecondData(data=str(other_manifest), label="side", batch=6),
    }
    whole = trained(digits_manifest, tmp_path / "whole", **more)
    with power_cut(monkeypatch, before=2):
        trained(digits_manifest, tmp_path / "cut", **more)
    again = trained(digits_manifest, tmp_path / "cut", **more, resume=True, workers=1)
    assert same(tmp_path / "whole", tmp_path / "cut")
    assert again.accuracy == whole.accuracy
    assert whole.second is not None
    assert again.second is not None
    assert again.second.accuracy == whole.second.accuracy


def test_the_second_head_has_a_rate_of_its_own(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path
) -> None:
    second = SecondData(data=str(other_manifest), label="side")
    found = {}
    for steps in (1, 3):
        for rate in (0.0, 1.0):
            out = tmp_path / f"{steps}-{rate}"
            rates = {"second_head": rate}
            trained(digits_manifest, out, second=second, rates=rates, plan={"steps": steps})
            found[steps, rate] = weights(out)
    name = "second_head.last.weight"
    assert torch.equal(found[1, 0.0][name], found[3, 0.0][name])
    assert not torch.equal(found[1, 1.0][name], found[3, 1.0][name])
    assert not torch.equal(found[1, 0.0]["head.last.weight"], found[3, 0.0]["head.last.weight"])
    with pytest.raises(InputError, match="rates name 'second_head', which the model has not"):
        trained(digits_manifest, tmp_path / "alone", rates={"second_head": 0.5})


def test_the_second_data_set_may_have_flow_of_its_own(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path
) -> None:
    folders = []
    for manifest in (digits_manifest, other_manifest):
        folders.append(tmp_path / manifest.stem)
        compute_flow(manifest, out=folders[-1], size=32, workers=1, quiet=True)
    encoder = FrameEncoder(SmallNet(channels=4, stages=(8,)), input=FlowStack(2))
    more: dict[str, Any] = {"encoder": encoder, "size": None, "flow": folders[0]}
    second = SecondData(data=str(other_manifest), label="side", flow=str(folders[1]))
    result = trained(digits_manifest, tmp_path / "run", second=second, **more)
    assert result.second is not None
    without = dataclasses.replace(second, flow=None)
    with pytest.raises(InputError, match="has no forward flow of video"):
        trained(digits_manifest, tmp_path / "lacking", second=without, **more)
