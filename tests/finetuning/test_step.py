import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.crops import Crop
from selfvid.data.clips.faults import FaultCounter, FaultPolicy
from selfvid.encoders.flow_input import FlowStack
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import Input
from selfvid.finetuning.classifier import Classifier
from selfvid.finetuning.step import SupervisedTraining, supervised_losses
from selfvid.heads.average import Average
from selfvid.training.batches import BatchStream
from selfvid.training.rates import Rates
from selfvid.training.schedule import Training
from selfvid.types import ClipBatch
from tests.heads.features import BATCH, WIDTHS, features


def learning(
    *, crop: Crop | None = None, input: Input | None = None, **rates: float
) -> SupervisedTraining:
    torch.manual_seed(0)
    channels = 1 if input is None else input.channels
    encoder = FrameEncoder(SmallNet(channels=channels, stages=(8, 8), norm="batch"), input=input)
    return SupervisedTraining(
        Classifier(encoder, Average(encoder.widths, 3)),
        rates=Rates(rates),
        crop=crop,
        augment=None,
        training=Training(),
        stream=BatchStream(4, per_batch=4, total=2, seed=0),
        faults=FaultCounter(FaultPolicy()),
        seed=0,
    )


def batch() -> ClipBatch:
    drawn = torch.Generator().manual_seed(1)
    return ClipBatch(
        frames=torch.randint(256, (4, 2, 3, 16, 16), generator=drawn).to(torch.uint8),
        times=torch.zeros(4, 2, dtype=torch.float64),
        videos=("a", "b", "c", "d"),
        labels=torch.tensor([0, 1, 2, 0]),
    )


def test_the_loss_is_minus_the_log_of_the_right_class_over_steps_and_clips() -> None:
    torch.manual_seed(0)
    head, given = Average(WIDTHS, 4), features()
    labels = torch.tensor([2, 0, 3])
    assert given.steps is not None
    with torch.no_grad():
        losses = supervised_losses(head, head(given), labels)
        votes = head.last(given.steps)  # (B, S, K)
        shares = votes.exp() / votes.exp().sum(-1, keepdim=True)
    by_hand = [-float(shares[row, :, labels[row]].log().mean()) for row in range(BATCH)]
    assert float(losses.total) == pytest.approx(sum(by_hand) / BATCH, rel=1e-5)
    right = [int(shares[row].mean(0).argmax()) == int(labels[row]) for row in range(BATCH)]
    assert float(losses.parts["accuracy"]) == pytest.approx(sum(right) / BATCH)


def test_a_frozen_part_gets_no_gradient_and_keeps_its_averages() -> None:
    module = learning(encoder=0.0)
    module.on_train_start()
    before = {name: value.clone() for name, value in module.classifier.encoder.state_dict().items()}
    module.training_step(batch(), 0).backward()
    for name, value in module.classifier.encoder.state_dict().items():
        assert torch.equal(value, before[name]), name
    grown = {
        name for name, weight in module.classifier.named_parameters() if weight.grad is not None
    }
    assert grown
    assert all(name.startswith("head") for name in grown)


def test_averages_move_in_a_part_that_learns() -> None:
    module = learning()
    module.on_train_start()
    before = {name: value.clone() for name, value in module.classifier.encoder.state_dict().items()}
    module.training_step(batch(), 0)
    moved = module.classifier.encoder.state_dict()
    assert any(not torch.equal(moved[name], before[name]) for name in before if "mean" in name)


def test_the_crop_is_cut_before_the_encoder() -> None:
    sizes = []
    module = learning(crop=Crop(12))
    module.classifier.encoder.register_forward_pre_hook(lambda _, clip: sizes.append(clip[0].shape))
    module.training_step(batch(), 0)
    assert sizes == [(4, 2, 3, 12, 12)]


def test_flow_is_stacked_before_it_is_cut() -> None:
    module = learning(crop=Crop(12), input=FlowStack(2))
    flow = torch.zeros(1, 2, 2, 16, 16)
    flow[..., 0] = 16.0  # all motion is in one column, so the mean of the field is 1
    seen: list[torch.Tensor] = []
    network = module.classifier.encoder.get_submodule("backbone")
    network.register_forward_pre_hook(lambda _, frames: seen.append(frames[0]))
    torch.manual_seed(2)  # a crop that does not hold the column
    module.features_of(flow)
    assert seen[0].shape == (1, 4, 12, 12)
    torch.testing.assert_close(seen[0], torch.full((1, 4, 12, 12), -1.0))
