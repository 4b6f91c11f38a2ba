import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from selfvid.data.clips.dataset import ClipDataset, ClipKey, SideBySide
from selfvid.data.clips.faults import FaultCounter, FaultPolicy
from selfvid.data.clips.sampling import RandomClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.errors import InputError
from selfvid.finetuning.classifier import TwoHeads
from selfvid.finetuning.second_set import MultiTaskTraining, PairedStream
from selfvid.heads.average import Average
from selfvid.training.batches import BatchStream
from selfvid.training.rates import UNIFORM
from selfvid.training.schedule import Training
from selfvid.types import ClipBatch, Features
from tests.finetuning.tuned import tanh_encoder


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
    asked = alone.head if head == "head" else alone.second_head
    assert isinstance(asked, Average)
    votes = asked.last(alone.encoder(clip).steps)
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


def test_each_head_is_told_how_often_it_is_right(both: TwoHeads) -> None:
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
