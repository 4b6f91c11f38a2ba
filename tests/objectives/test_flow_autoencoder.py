from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from selfvid.backbones.alexnet import AlexNet
from selfvid.backbones.small import SmallNet
from selfvid.encoders.conv_lstm import ConvLSTMEncoder
from selfvid.encoders.input import DifferenceInput
from selfvid.errors import InputError
from selfvid.flow import end_point_error
from selfvid.objectives.flow_autoencoder import FlowAutoencoder
from selfvid.objectives.predictive import load_predictive
from selfvid.saving.recorded import build, describe

GREY = torch.tensor([0.299, 0.587, 0.114])[:, None, None] / 255


def encoder(**more: Any) -> ConvLSTMEncoder:
    backbone = SmallNet(channels=1, stages=[8], kernel=5, norm="none", activation="tanh")
    arguments = {"hidden": 8, "kernel": 3, "bound": None} | more
    return ConvLSTMEncoder(backbone, **arguments)


def tiny(*, memory: bool = True, **more: Any) -> FlowAutoencoder:
    torch.manual_seed(0)
    flow_kernel = None if more.get("warps") == "nothing" else 5
    return FlowAutoencoder(encoder(memory=memory, flow_kernel=flow_kernel), **{"kernel": 3} | more)


def last_of(objective: FlowAutoencoder) -> nn.Conv2d:
    """The last layer of the flow head."""
    assert objective.encoder.flow_head is not None
    layer = objective.encoder.flow_head.layers[-1]
    assert isinstance(layer, nn.Conv2d)
    return layer


def pushed(objective: FlowAutoencoder, x: float, y: float) -> FlowAutoencoder:
    """The objective with the same flow everywhere, in places of the map."""
    bias = last_of(objective).bias
    assert bias is not None
    with torch.no_grad():
        bias.copy_(torch.tensor([x, y]))
    return objective


def moved(objective: FlowAutoencoder) -> FlowAutoencoder:
    """The objective with a flow head whose last layer is no longer zero."""
    nn.init.normal_(last_of(objective).weight)
    return objective


def clips(batch: int = 2, frames: int = 4, side: int = 16, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, frames, 3, side, side)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def drifting(
    batch: int, *, frames: int = 4, side: int = 16, speed: int = 2
) -> tuple[Tensor, Tensor]:
    """Textures on a torus that drift one of four ways, and their velocity (B, 2), x then y."""
    coarse = torch.rand(batch, 1, side // 4, side // 4).repeat(1, 1, 3, 3)
    textures = functional.interpolate(coarse, scale_factor=4, mode="bilinear")
    middle = textures[..., side : 2 * side, side : 2 * side]
    ways = torch.tensor([[1, 0], [-1, 0], [0, 1], [0, -1]])[torch.randint(4, (batch,))] * speed
    rolled = [
        torch.stack([texture.roll((int(y) * t, int(x) * t), (-2, -1)) for t in range(frames)])
        for texture, (x, y) in zip(middle, ways, strict=True)
    ]
    pixels = (torch.stack(rolled) * 255).round().to(torch.uint8)
    return pixels.expand(-1, -1, 3, -1, -1), ways


def parameters(module: nn.Module | None) -> int:
    assert module is not None
    return sum(p.numel() for p in module.parameters())


def test_the_papers_sizes_have_the_papers_parameters() -> None:
    backbone = SmallNet(channels=1, stages=[32], kernel=7, norm="none", activation="tanh")
    objective = FlowAutoencoder(ConvLSTMEncoder(backbone, flow_kernel=15))
    assert objective.encoder.flow_head is not None
    assert [parameters(layer) for layer in objective.encoder.flow_head.layers] == [
        20_252,
        902,
        2 * 2 + 2,
    ]
    assert parameters(objective.decoder) == 1_569
    assert parameters(objective.encoder.lstm) == 679_320 + 211_815


def test_at_the_start_everything_stays_where_it_is() -> None:
    objective = tiny()
    assert objective.flow(clips()).abs().max() == 0
    predicted = objective.forecast(clips()).predicted
    features = objective.encoder(clips()).need_maps("test")[0]
    assert objective.decoder is not None
    unmoved = objective.decoder(features[:, :-1].flatten(0, 1)).unflatten(0, (2, 3))
    torch.testing.assert_close(predicted, unmoved)


def test_with_pixels_to_move_the_first_prediction_repeats_the_frame() -> None:
    forecast = tiny(warps="pixels").forecast(clips())
    torch.testing.assert_close(forecast.predicted, forecast.frames[:, :-1])


def test_at_the_first_update_the_last_layer_of_the_head_learns_alone() -> None:
    objective = tiny()
    objective(clips()).total.backward()
    assert objective.encoder.flow_head is not None
    reached = [
        bool(p.grad is not None and p.grad.any()) for p in objective.encoder.flow_head.parameters()
    ]
    assert reached == [False, False, False, False, True, True]


def looked_up(features: Tensor, x: float, y: float) -> Tensor:
    """Features (C, H, W) at a place between pixels, zeros beyond the border, (C,)."""
    total = torch.zeros(len(features), dtype=features.dtype)
    for column in (int(x // 1), int(x // 1) + 1):
        for row in (int(y // 1), int(y // 1) + 1):
            if 0 <= column < features.shape[2] and 0 <= row < features.shape[1]:
                share = (1 - abs(x - column)) * (1 - abs(y - row))
                total = total + share * features[:, row, column]
    return total


def test_the_loss_is_that_of_a_slow_loop() -> None:
    objective = moved(tiny(smoothness=0.5, delta=0.1)).double()
    clip = clips(2, 3, 8)
    assert objective.encoder.flow_head is not None
    assert objective.decoder is not None
    with torch.no_grad():
        losses = objective(clip)
        features, memory = objective.encoder(clip).need_maps("test")
    squared = penalty = 0.0
    for sequence in range(2):
        for time in range(2):
            with torch.no_grad():
                flow = objective.encoder.flow_head(memory[None, sequence, time])[0]
            assert flow.abs().max() <= 1  # a quarter of a map of 4x4
            warped = torch.zeros_like(features[0, 0])
            for row in range(4):
                for column in range(4):
                    x, y = flow[:, row, column].tolist()
                    warped[:, row, column] = looked_up(
                        features[sequence, time], column + x, row + y
                    )
            with torch.no_grad():
                predicted = objective.decoder(warped[None])[0]
            truth = (clip[sequence, time + 1] * GREY.double()).sum(0)
            squared += float((predicted - truth).square().sum())
            penalty += huber_by_hand(flow, delta=0.1)
    torch.testing.assert_close(float(losses.parts["next"]), squared / 4, rtol=1e-4, atol=1e-4)
    each = 0.5 * 8 * 8 * penalty / (4 * 2 * 4 * 4)
    torch.testing.assert_close(float(losses.parts["smoothness"]), each, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(float(losses.total), squared + 4 * each, rtol=1e-4, atol=1e-4)


def huber_by_hand(flow: Tensor, *, delta: float) -> float:
    """Sum of the Huber penalty over all elements of one flow (2, H, W)."""
    total = 0.0
    for component in flow.tolist():
        high, wide = len(component), len(component[0])
        for row in range(high):
            for column in range(wide):
                right, left = min(column + 1, wide - 1), max(column - 1, 0)
                below, above = min(row + 1, high - 1), max(row - 1, 0)
                across = (component[row][right] - component[row][left]) / 2
                down = (component[below][column] - component[above][column]) / 2
                a = (across**2 + down**2) ** 0.5
                total += a**2 / 2 if a <= delta else delta * (a - delta / 2)
    return total


def test_only_the_last_frame_and_image_gradients_are_the_released_demo() -> None:
    objective = moved(tiny(only_last=True, image_gradients=True, smoothness=0.0))
    losses = objective(clips())
    forecast = objective.forecast(clips(), future=1)
    off = (forecast.predicted - forecast.truth)[:, 0, 0]
    framed = functional.pad(off, (1, 1, 1, 1))
    across = framed[:, 1:-1, 2:] - framed[:, 1:-1, :-2]
    down = framed[:, 2:, 1:-1] - framed[:, :-2, 1:-1]
    each = (across.square() + down.square()).sum() / 2
    torch.testing.assert_close(losses.total, each)
    torch.testing.assert_close(losses.parts["next"], off.square().sum() / 2)


def test_cross_entropy_is_in_nats_and_predicts_probabilities() -> None:
    objective = tiny(loss="cross_entropy", smoothness=0.0)
    losses = objective(clips())
    forecast = objective.forecast(clips())
    p, q = forecast.predicted, forecast.truth
    nats = -(q * p.log() + (1 - q) * (1 - p).log())
    torch.testing.assert_close(losses.total, nats.sum())
    torch.testing.assert_close(losses.parts["next"], nats.sum() / 6)


def test_a_prediction_has_seen_the_frames_before_it_and_no_other() -> None:
    objective = moved(tiny())
    whole = objective.forecast(clips(frames=5), future=3)
    assert not whole.free
    assert whole.predicted.shape == (2, 3, 1, 16, 16)
    assert whole.frames.shape == (2, 5, 1, 16, 16)
    assert whole.flow is not None
    assert whole.flow.shape == (2, 3, 2, 16, 16)
    one = objective.forecast(clips(frames=5)[:, :4], future=1)
    torch.testing.assert_close(whole.predicted[:, 1], one.predicted[:, 0])
    changed = clips(frames=5)
    changed[:, -1] = 0
    torch.testing.assert_close(objective.forecast(changed).predicted[:, -3:], whole.predicted)


def test_flow_is_in_pixels_of_the_frame_x_first() -> None:
    objective = pushed(tiny(warps="pixels"), 1.0, -0.5)  # a place is 2 pixels wide
    flow = objective.flow(clips())
    assert flow.shape == (2, 3, 2, 16, 16)
    torch.testing.assert_close(flow, torch.tensor([2.0, -1.0])[:, None, None].expand_as(flow))
    forecast = objective.forecast(clips())
    # What was two to the right and one above is here now.
    now, then = forecast.predicted[..., 1:, :-2], forecast.frames[:, :-1, ..., :-1, 2:]
    torch.testing.assert_close(now, then)


def test_no_flow_reaches_beyond_a_quarter_of_the_frame() -> None:
    objective = pushed(tiny(), 100.0, -100.0)
    wide = torch.zeros(1, 2, 3, 8, 16)
    assert objective.flow(wide).flatten(3)[0, 0, :, 0].tolist() == [4.0, -2.0]


def test_labels_are_carried_along_the_flow() -> None:
    objective = pushed(tiny(), 1.0, 0.0)
    labels = torch.arange(2 * 16 * 16).reshape(2, 16, 16) % 7
    carried = objective.carry_labels(clips(), labels, outside=9)
    assert torch.equal(carried[:, :, :-2], labels[:, :, 2:])
    assert (carried[:, :, -2:] == 9).all()


def learnt(objective: FlowAutoencoder, *, steps: int, rate: float) -> float:
    """End-point error after training, as a share of that of a flow of zeros."""
    torch.manual_seed(1)
    optimiser = torch.optim.Adam(objective.parameters(), lr=rate)
    for _ in range(steps):
        optimiser.zero_grad()
        objective(drifting(8)[0]).total.backward()
        optimiser.step()
    clip, ways = drifting(32)
    with torch.no_grad():
        flow = objective.flow(clip)[:, -1]
    truth = -ways.float()[:, :, None, None].expand_as(flow)
    return float(end_point_error(flow, truth) / end_point_error(torch.zeros_like(flow), truth))


def test_flow_is_learnt_from_pixels_without_being_shown_any() -> None:
    assert learnt(tiny(warps="pixels"), steps=300, rate=1e-2) < 0.6


@pytest.mark.slow
def test_flow_is_learnt_from_moving_features_too() -> None:
    assert learnt(tiny(), steps=900, rate=5e-3) < 0.75


@pytest.mark.parametrize("warps", ["features", "pixels", "nothing"])
@pytest.mark.parametrize("memory", [True, False])
def test_the_loss_reaches_every_weight_and_falls_along_its_gradient(
    warps: str, memory: bool
) -> None:
    objective = tiny(memory=memory, warps=warps, smoothness=0.0)
    if warps != "nothing":
        moved(objective)
    before = objective(clips()).total
    before.backward()
    wanting = [p for p in objective.parameters() if p.requires_grad]
    assert all(p.grad is not None and p.grad.any() for p in wanting)
    with torch.no_grad():
        length = torch.stack([p.grad.norm() for p in wanting if p.grad is not None]).norm()
        for parameter in wanting:
            assert parameter.grad is not None
            parameter.sub_(1e-3 * parameter.grad / length)
    assert objective(clips()).total < before


def test_without_flow_the_decoder_reads_the_memory() -> None:
    objective = tiny(warps="nothing")
    forecast = objective.forecast(clips())
    memory = objective.encoder(clips()).need_maps("test")[-1]
    assert objective.decoder is not None
    by_hand = objective.decoder(memory[:, :-1].flatten(0, 1)).unflatten(0, (2, 3))
    torch.testing.assert_close(forecast.predicted, by_hand)
    assert forecast.flow is None
    assert set(objective(clips()).parts) == {"next"}


def test_colour_is_predicted_in_colour() -> None:
    backbone = SmallNet(channels=3, stages=[8, 16], norm="none")
    objective = FlowAutoencoder(ConvLSTMEncoder(backbone, hidden=4, kernel=3, flow_kernel=3))
    forecast = objective.forecast(clips())
    assert forecast.predicted.shape == (2, 3, 3, 16, 16)
    torch.testing.assert_close(forecast.frames, clips() / 255)


def test_it_is_described_built_saved_and_loaded_again(tmp_path: Path) -> None:
    objective = moved(tiny(loss="cross_entropy")).eval()
    described = describe(objective)
    assert describe(build(described)) == described
    objective.save(tmp_path / "run" / "objective")
    again = load_predictive(tmp_path / "run")
    made, wanted = again.forecast(clips()), objective.forecast(clips())
    torch.testing.assert_close(made.predicted, wanted.predicted)
    torch.testing.assert_close(made.flow, wanted.flow)


def test_previews_are_pictures() -> None:
    (picture,) = tiny().eval().preview(clips()).values()
    assert picture.dtype == torch.uint8
    assert picture.shape[0] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"warps": "both"}, "warps is 'both'; expected features, pixels or nothing"),
        ({"warps": "pixels", "loss": "cross_entropy"}, "expected loss squared_error"),
        ({"image_gradients": True, "loss": "cross_entropy"}, "got loss cross_entropy"),
        ({"smoothness": -1.0}, "smoothness must be 0 or more and delta positive, got -1.0"),
        ({"kernel": 4}, "kernel of the decoder must be odd"),
    ],
)
def test_choices_that_contradict_are_refused_in_one_line(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as raised:
        tiny(**arguments)
    assert "\n" not in str(raised.value)


def test_encoders_that_do_not_do_are_refused_in_one_line() -> None:
    with pytest.raises(InputError, match="needs an encoder of PixelInput, got DifferenceInput"):
        FlowAutoencoder(encoder(input=DifferenceInput()))
    with pytest.raises(
        InputError, match=r"'features'; expected flow_kernel .* to be an odd number"
    ):
        FlowAutoencoder(encoder())
    with pytest.raises(InputError, match=r"'nothing'; expected flow_kernel .* to be null"):
        FlowAutoencoder(encoder(flow_kernel=5), warps="nothing")
    with pytest.raises(InputError, match="a backbone whose last map tiles the frame, got AlexNet"):
        FlowAutoencoder(ConvLSTMEncoder(AlexNet("fc6"), hidden=4))


def test_clips_that_do_not_do_are_refused_in_one_line() -> None:
    objective = tiny()
    with pytest.raises(InputError, match=r"frames are 15×15; expected multiples of 2"):
        objective(clips(side=15))
    with pytest.raises(InputError, match="clips have 4 frames and 4 are to be predicted"):
        objective.forecast(clips(), future=4)
    with pytest.raises(InputError, match="needs predicted flow"):
        tiny(warps="nothing").flow(clips())


def test_sure_predictions_stay_apart_from_certain_ones_under_autocast() -> None:
    objective = tiny(loss="cross_entropy")
    assert objective.decoder is not None
    bias = objective.decoder.layers[-1].bias
    assert isinstance(bias, Tensor)
    nn.init.constant_(bias, 9.0)  # in bfloat16 its logistic is 1
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert objective.forecast(clips()).predicted.max() < 1
