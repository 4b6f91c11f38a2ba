from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from selfvid.backbones.alexnet import AlexNet
from selfvid.backbones.patches import PatchNet
from selfvid.encoders.conv_lstm import ConvLSTMEncoder
from selfvid.encoders.input import DifferenceInput, PixelInput
from selfvid.errors import InputError
from selfvid.objectives.conv_forecaster import ConvForecaster
from selfvid.objectives.lstm_autoencoder import OwnFrames
from selfvid.objectives.predictive import load_predictive
from selfvid.recurrent import unroll
from selfvid.saving.recorded import build, describe

PATCH = 2


def encoder(**more: Any) -> ConvLSTMEncoder:
    pixels = PixelInput("grey", mean=[0.0], deviation=[1.0])
    arguments: dict[str, Any] = {"input": pixels, "hidden": 6, "kernel": 3, "layers": 2} | more
    backbone = PatchNet(channels=arguments["input"].channels, patch=PATCH)
    return ConvLSTMEncoder(backbone, untied_first=False, bound=None, **arguments)


def tiny(*, encoder_: ConvLSTMEncoder | None = None, **more: Any) -> ConvForecaster:
    torch.manual_seed(0)
    arguments = {"future": 3} | more
    return ConvForecaster(encoder() if encoder_ is None else encoder_, **arguments)


def clips(batch: int = 2, frames: int = 6, side: int = 8, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, frames, 1, side, side)
    grey = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return grey.expand(-1, -1, 3, -1, -1)


def drawn(objective: ConvForecaster, h: Tensor) -> Tensor:
    """The frame that is drawn from the top layer's output (B, D, h, w)."""
    readout = objective.readout[0]
    assert isinstance(readout, torch.nn.Conv2d)
    raw = torch.einsum("bdhw,cd->bchw", h, readout.weight[:, :, 0, 0])
    assert readout.bias is not None
    return functional.pixel_shuffle(raw + readout.bias[:, None, None], PATCH)


def cut(frame: Tensor) -> Tensor:
    return functional.pixel_unshuffle(frame, PATCH)


def stepwise(objective: ConvForecaster, clip: Tensor, *, shown: int, free: bool) -> Tensor:
    """Predictions after each frame but the last, one step at a time, (B, T - 1, ...)."""
    frames = clip[:, :, :1].float() / 255
    cell, state, output, made = objective.encoder.lstm.cell, None, None, []
    own = objective.cells is not None
    for time in range(clip.shape[1] - 1):
        if own and time == shown - 1:
            # The encoder has seen the last shown frame; then the forecaster's own cells take over.
            state = cell.step(cell.project(cut(frames[:, time])[:, None])[:, 0], state)
            assert objective.cells is not None
            cell = objective.cells.cell
        given = output if free and output is not None and time >= shown else frames[:, time]
        state = cell.step(cell.project(cut(given)[:, None])[:, 0], state)
        output = drawn(objective, state[0])
        made.append(output)
    return torch.stack(made, 1)


@pytest.mark.parametrize("shared", [True, False])
def test_a_forecast_is_a_free_run_step_by_step(shared: bool) -> None:
    objective = tiny(shared=shared)
    forecast = objective.forecast(clips())
    assert forecast.free
    assert forecast.flow is None
    by_hand = stepwise(objective, clips(), shown=3, free=True)[:, -3:]
    torch.testing.assert_close(forecast.predicted, by_hand)
    torch.testing.assert_close(forecast.frames, clips()[:, :, :1] / 255)


@pytest.mark.parametrize("shared", [True, False])
def test_a_forecast_sees_nothing_of_what_it_predicts(shared: bool) -> None:
    objective = tiny(shared=shared)
    changed = clips().clone()
    changed[:, -3:] = 0
    torch.testing.assert_close(
        objective.forecast(changed).predicted, objective.forecast(clips()).predicted
    )
    assert objective.forecast(clips(), future=4).predicted.shape == (2, 4, 1, 8, 8)


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("shared", [True, False])
def test_the_loss_is_that_of_a_slow_loop(shared: bool, share: float) -> None:
    objective = tiny(shared=shared, own=OwnFrames(share=share))
    losses = objective(clips())
    truth = clips()[:, 1:, :1] / 255
    predicted = stepwise(objective, clips(), shown=3, free=share == 1)
    each = (predicted - truth).square().flatten(2).sum(2)
    torch.testing.assert_close(losses.parts["future"], each[:, -3:].mean())
    total = each[:, -3:].sum()
    if shared:
        torch.testing.assert_close(losses.parts["next"], each[:, :-3].mean())
        total = each.sum()
    torch.testing.assert_close(losses.total, total)
    assert set(losses.parts) == ({"future", "next"} if shared else {"future"})


def test_its_own_share_of_inputs_rises_in_training_and_is_whole_in_use() -> None:
    objective = tiny(own=OwnFrames(share=1.0, ramp=3))
    torch.manual_seed(0)
    for _ in range(3):
        objective(clips())
    trained = objective(clips()).total  # the fourth update, at the end of the ramp
    assert int(objective.updates) == 4
    torch.testing.assert_close(trained, objective.eval()(clips()).total)
    assert int(objective.updates) == 4


def test_half_a_share_mixes_true_frames_and_predictions() -> None:
    objective = tiny(own=OwnFrames(share=0.5))
    true, free = (
        float(tiny(own=OwnFrames(share=share))(clips()).total.detach()) for share in (0.0, 1.0)
    )
    torch.manual_seed(0)
    totals = {round(float(objective(clips()).total.detach()), 4) for _ in range(30)}
    # Two sequences, two steps that choose: sixteen ways, the two pure ones among them.
    assert 4 < len(totals) <= 16
    assert any(abs(total - true) < 1e-3 for total in totals)
    assert any(abs(total - free) < 1e-3 for total in totals)


def test_the_forecaster_begins_with_the_encoders_state() -> None:
    objective = tiny(future=1)
    frames = clips()[:, :, :1] / 255
    _, state = objective.encoder.remember(clips()[:, :-1])
    assert objective.cells is not None
    outputs, _ = unroll(objective.cells.cell, cut(frames[:, -2])[:, None], state)
    by_hand = drawn(objective, outputs[:, 0])
    torch.testing.assert_close(objective.forecast(clips()).predicted[:, 0], by_hand)


def test_what_is_fed_back_is_scaled_as_pixels_are() -> None:
    scaled = encoder(input=PixelInput("grey", mean=[0.3], deviation=[0.2]))
    objective = tiny(encoder_=scaled)
    frames = torch.rand(2, 1, 1, 8, 8)
    fed = objective._maps(frames)[:, 0]
    seen = scaled((frames * 255).expand(-1, -1, 3, -1, -1)).need_maps("test")[0][:, 0]
    torch.testing.assert_close(fed, seen)


@pytest.mark.parametrize("shared", [True, False])
def test_the_loss_reaches_every_weight_and_falls_along_its_gradient(shared: bool) -> None:
    objective = tiny(shared=shared)
    before = objective(clips()).total
    before.backward()
    weights = list(objective.parameters())
    assert all(p.grad is not None and p.grad.any() for p in weights)
    with torch.no_grad():
        length = torch.stack([p.grad.norm() for p in weights if p.grad is not None]).norm()
        for parameter in weights:
            assert parameter.grad is not None
            parameter.sub_(1e-3 * parameter.grad / length)
    assert objective(clips()).total < before


def test_it_learns_to_move_a_bar_on() -> None:
    torch.manual_seed(0)
    objective = tiny(future=2, encoder_=encoder(hidden=12, layers=1))
    optimiser = torch.optim.Adam(objective.parameters(), lr=1e-2)

    def bars(batch: int) -> Tensor:
        """A column that moves left or right by a pixel per frame, around the border."""
        columns = (
            torch.randint(8, (batch, 1))
            + torch.arange(5) * torch.tensor([1, -1])[torch.randint(2, (batch, 1))]
        )
        bright = functional.one_hot(columns % 8, 8).to(torch.uint8) * 255
        return bright[:, :, None, None].expand(-1, -1, 3, 8, -1)

    for _ in range(150):
        optimiser.zero_grad()
        objective(bars(8)).total.backward()
        optimiser.step()
    forecast = objective.eval().forecast(bars(32))
    repeated = (forecast.shown[:, -1:] - forecast.truth).square().mean()
    assert (forecast.predicted - forecast.truth).square().mean() < 0.3 * repeated


def test_it_is_described_built_saved_and_loaded_again(tmp_path: Path) -> None:
    objective = tiny(loss="cross_entropy", own=OwnFrames(share=0.5, ramp=9)).eval()
    described = describe(objective)
    assert describe(build(described)) == described
    objective.save(tmp_path / "run" / "objective")
    again = load_predictive(tmp_path / "run")
    made, wanted = again.forecast(clips()), objective.forecast(clips())
    torch.testing.assert_close(made.predicted, wanted.predicted)
    assert 0 < made.predicted.min() < made.predicted.max() < 1


def test_previews_are_pictures() -> None:
    (picture,) = tiny().eval().preview(clips()).values()
    assert picture.dtype == torch.uint8
    assert picture.shape[0] == 3


def test_what_cannot_be_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match="future must be at least 1, got 0"):
        tiny(future=0)
    with pytest.raises(InputError, match="shared cells need an encoder with memory"):
        tiny(shared=True, encoder_=encoder(memory=False))
    with pytest.raises(InputError, match="needs an encoder of PixelInput, got DifferenceInput"):
        tiny(encoder_=encoder(input=DifferenceInput()))
    with pytest.raises(InputError, match="a backbone whose last map tiles the frame, got AlexNet"):
        tiny(encoder_=ConvLSTMEncoder(AlexNet("fc6"), hidden=4))
    with pytest.raises(InputError, match=r"6 frames and 6 are to be predicted; .* least 1 to be"):
        tiny().forecast(clips(), future=6)
    with pytest.raises(InputError, match=r"6 frames and 5 are to be predicted; .* least 2 to be"):
        tiny(shared=True).forecast(clips(), future=5)
    with pytest.raises(InputError, match="frames are 9×9; expected multiples of 2"):
        tiny()(clips(side=9))
