from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from selfvid.backbones.karpathy import SlowFusion
from selfvid.backbones.small import SmallNet
from selfvid.data.digits.stream import DigitStream
from selfvid.encoders.base import Encoder
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.flow_input import FlowFields
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.places import PlacesEncoder
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.encoders.stack import Stack
from selfvid.encoders.vectors import FlatFrames
from selfvid.errors import InputError
from selfvid.objectives.descriptors import MotionDescriptor, oriented_gradients
from selfvid.objectives.motion_targets import MotionTargets

GRIDS = MotionDescriptor(grids=(4, 2))


def frame_encoder(norm: Any = "none") -> FrameEncoder:
    stacks = Stack(DifferenceInput("grey"), length=2)
    return FrameEncoder(SmallNet(channels=2, stages=(8, 8), norm=norm, grid=2), input=stacks)


def lstm() -> LSTMEncoder:
    return LSTMEncoder(FlatFrames((16, 16), input=DifferenceInput("grey")), hidden=6)


def fusion() -> ClipEncoder:
    return ClipEncoder(SlowFusion("small", channels=1))


def clips(frames: int = 5, *, side: int = 16, batch: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    clip = torch.randint(0, 256, (batch, frames, 3, side, side), generator=generator)
    return clip.to(torch.uint8), torch.randn(batch, frames - 1, 2, side, side, generator=generator)


def test_the_loss_is_smooth_l1_between_each_window_and_its_own_fields() -> None:
    torch.manual_seed(0)
    objective = MotionTargets(frame_encoder(), motion=MotionDescriptor(grids=(4,)), beta=0.3)
    clip, flow = clips()
    losses = objective(clip, flow)  # the first batch: its own statistics
    maps = objective.encoder(clip).need_maps("test")[-1]  # (B, S, C, 4, 4)
    weight = objective.readouts[0].get_parameter("weight")[..., 0, 0]
    bias = objective.readouts[0].get_parameter("bias")
    (target,) = objective.motion(flow, window=3, stride=1)
    for direction in range(8):
        bins = target[:, :, direction]
        target[:, :, direction] = (bins - bins.mean()) / bins.std()
    total, count = 0.0, 0
    for place in torch.cartesian_prod(*(torch.arange(n) for n in (2, 3, 4, 4))).tolist():
        clip_, step, row, column = place
        made = weight @ maps[clip_, step, :, row, column] + bias
        for error in (made - target[clip_, step, :, row, column]).abs().tolist():
            total += error**2 / 0.6 if error < 0.3 else error - 0.15
            count += 1
    assert losses.total.item() == pytest.approx(total / count, rel=1e-5)
    assert losses.parts["motion"].item() == pytest.approx(total / count, rel=1e-5)


@pytest.mark.parametrize(
    ("encoder", "frames", "side", "more"),
    [
        (frame_encoder, 5, 16, {"hidden": 4, "appearance": 0.5}),
        (lstm, 4, 16, {"reads": "steps", "appearance": 0.5}),
        (fusion, 10, 64, {"reads": "steps", "hidden": 8}),
        (lambda: PlacesEncoder(fusion(), grid=2), 10, 64, {"hidden": 8}),
        (lambda: SlidingEncoder(fusion(), stride=2), 12, 64, {"reads": "steps", "appearance": 1.0}),
    ],
    ids=["stacked differences", "lstm", "slow fusion", "places", "windows of slow fusion"],
)
def test_encoders_learn_what_they_are_shown(
    encoder: Any, frames: int, side: int, more: dict[str, Any]
) -> None:
    torch.manual_seed(0)
    objective = MotionTargets(encoder(), motion=GRIDS, **more)
    objective.check_size(side, side)
    given = clips(frames, side=side)
    optimiser = torch.optim.Adam(objective.parameters(), lr=1e-2 if side == 16 else 1e-3)
    seen = []
    for _ in range(12):
        losses = objective(*given)
        optimiser.zero_grad()
        losses.total.backward()
        optimiser.step()
        seen.append(losses.total.item())
    assert min(seen) < 0.97 * seen[0]
    assert set(losses.parts) == {
        "motion",
        "unexplained",
        *(["appearance"] * ("appearance" in more)),
    }
    assert all(weight.grad is not None for weight in objective.readouts.parameters())


def test_gradients_of_the_readout_are_those_of_small_differences() -> None:
    torch.manual_seed(0)
    objective = MotionTargets(frame_encoder(), motion=GRIDS, appearance=0.5).eval()
    clip, flow = clips(4)
    weight = objective.readouts[1].get_parameter("weight")
    (gradient,) = torch.autograd.grad(objective(clip, flow).total, weight)
    with torch.no_grad():
        place = int(gradient.abs().argmax())
        for sign in (1, -1):
            weight.view(-1)[place] += sign * 1e-2 * (1 if sign > 0 else 2)
            if sign > 0:
                above = objective(clip, flow).total
        below = objective(clip, flow).total
    assert gradient.view(-1)[place].item() == pytest.approx(
        ((above - below) / 2e-2).item(), rel=3e-2
    )


def test_a_moving_digit_is_predicted_to_move_as_it_does() -> None:
    """Learns from true flow of drifting digits, and predicts the direction of others."""
    torch.manual_seed(0)
    stream = DigitStream(kind="drifting", frames=3, canvas=32, speed=2.0)
    objective = MotionTargets(
        frame_encoder("batch"), motion=MotionDescriptor(grids=(1,)), hidden=16
    )
    optimiser = torch.optim.Adam(objective.parameters(), lr=1e-2)

    def batch(number: int) -> tuple[Tensor, Tensor, Tensor]:
        made = stream.batch(number, clips=64)
        # Every pixel moves as the digit does; at the wrap-around too.
        moved = made.velocities[:, :2, 0, :, None, None].float().expand(-1, -1, -1, 32, 32)
        assert made.directions is not None
        return made.rgb(), moved, made.directions

    for number in range(40):
        clip, flow, _ = batch(number)
        loss = objective(clip, flow).total
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    clip, flow, _ = batch(1000)
    with torch.no_grad():
        displaced = objective.eval().displacement(clip)[:, 0, :, 0, 0]  # (B, 2)
    cosine = torch.cosine_similarity(displaced, flow[:, 0, :, 0, 0])
    assert float((cosine > 0.7).float().mean()) > 0.8  # 3 directions of 8 by chance at most


def test_statistics_are_means_over_batches_and_stay_as_they_are_in_evaluation() -> None:
    objective = MotionTargets(frame_encoder(), motion=MotionDescriptor(grids=(1,), directions=4))
    clip, flow = clips()
    found = []
    for scale in (1.0, 9.0, 4.0):
        objective(clip, scale * flow)
        (described,) = objective.motion(scale * flow, window=3, stride=1)
        bins = [described[:, :, direction] for direction in range(4)]
        found.append(torch.tensor([[f(each) for each in bins] for f in (torch.mean, torch.std)]))
    statistics = objective.get_buffer("statistics_0")
    torch.testing.assert_close(statistics, torch.stack(found).mean(0))
    before = statistics.clone()
    objective.eval()(clip, 50 * flow)
    assert torch.equal(statistics, before)


def test_appearance_is_that_of_the_middle_frame_of_each_window() -> None:
    torch.manual_seed(0)
    objective = MotionTargets(frame_encoder(), motion=MotionDescriptor(grids=(4,)), appearance=0.7)
    clip, flow = clips(5)  # windows of frames 0 1 2, 1 2 3 and 2 3 4
    losses = objective(clip, flow)
    (predicted,) = objective._predicted(objective.encoder(clip))
    truth = oriented_gradients(clip[:, [1, 2, 3]], grid=4)
    wanted = smooth_l1_loss(predicted[:, :, 8:], truth)
    torch.testing.assert_close(losses.parts["appearance"], wanted)
    torch.testing.assert_close(losses.total, losses.parts["motion"] + 0.7 * wanted)


def test_what_is_predicted_is_drawn() -> None:
    objective = MotionTargets(frame_encoder(), motion=GRIDS).eval()
    picture = objective.preview(clips()[0])["motion"]
    assert picture.dtype == torch.uint8
    assert picture.shape[0] == 3


@pytest.mark.parametrize(
    ("encoder", "more", "named"),
    [
        (
            lambda: FrameEncoder(SmallNet(channels=2, stages=(8,)), input=FlowFields()),
            {},
            "FrameEncoder takes flow; expected an encoder of pixels",
        ),
        (
            lambda: FrameEncoder(SmallNet(stages=(8,))),
            {},
            "sees 1 frames, which have 0 fields of flow between them; expected at least 1",
        ),
        (frame_encoder, {"motion": MotionDescriptor(parts=3)}, "have 2 fields .* at least 3"),
        (lstm, {}, "LSTMEncoder has 0 maps; expected one of them, or reads steps"),
        (frame_encoder, {"level": 2}, "level is 2 and FrameEncoder has 2 maps"),
        (frame_encoder, {"reads": "all"}, "reads is 'all'; expected maps or steps"),
        (frame_encoder, {"beta": 0.0}, "beta 0"),
    ],
)
def test_what_does_not_fit_is_refused(encoder: Any, more: dict[str, Any], named: str) -> None:
    made: Encoder = encoder()
    with pytest.raises(InputError, match=named):
        MotionTargets(made, **more)


def test_a_grid_finer_than_the_map_is_refused() -> None:
    objective = MotionTargets(frame_encoder(), motion=MotionDescriptor(grids=(8,)))
    with pytest.raises(InputError, match=r"grid is 8 .* 16x16 is 4x4; expected a coarser grid"):
        objective.check_size(16, 16)
    objective.check_size(32, 32)


def test_layers_of_the_vector_behind_the_map_that_is_read_are_refused() -> None:
    named = r"network\.classifier\..* and 3 more weights .* expected reads steps, or a Places"
    with pytest.raises(InputError, match=named):
        MotionTargets(fusion(), motion=GRIDS).check_size(64, 64)
    with pytest.raises(InputError, match="behind the map that is read, and would not learn"):
        MotionTargets(frame_encoder(), motion=GRIDS, level=0).check_size(16, 16)


def test_clips_without_flow_are_refused() -> None:
    with pytest.raises(InputError, match="expected the flow beside them"):
        MotionTargets(frame_encoder())(clips()[0])


def test_unexplained_is_the_error_relative_to_the_mean_of_the_batch_at_each_place() -> None:
    torch.manual_seed(0)
    objective = MotionTargets(frame_encoder(), motion=MotionDescriptor(grids=(2,)))
    clip, flow = clips()
    found = objective(clip, flow).parts["unexplained"].item()
    predicted = objective._predicted(objective.encoder(clip))[0]  # (B, S, 8, 2, 2)
    (target,) = objective._standardised(objective.motion(flow, window=3, stride=1))
    error = spread = 0.0
    for bin_, row, column in torch.cartesian_prod(*(torch.arange(n) for n in (8, 2, 2))).tolist():
        of_place = target[:, :, bin_, row, column].flatten().tolist()
        mean = sum(of_place) / len(of_place)
        made = predicted[:, :, bin_, row, column].flatten().tolist()
        error += sum((one - other) ** 2 for one, other in zip(made, of_place, strict=True))
        spread += sum((one - mean) ** 2 for one in of_place)
    assert found == pytest.approx(error / spread, rel=0.02)  # statistics move with the second call
