from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from selfvid.backbones.small import SmallNet
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.vectors import FlatFrames, Percepts
from selfvid.errors import InputError
from selfvid.objectives.frame_loss import loss_of
from selfvid.objectives.lstm_autoencoder import Decoder, LSTMAutoencoder, OwnFrames
from selfvid.objectives.predictive import load_predictive

SIZE = (6, 4)


def clips(batch: int = 3, frames: int = 7) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(256, (batch, frames, 3, *SIZE), generator=generator, dtype=torch.uint8)


def made(*, layers: int = 1, differences: bool = False, **how: Any) -> LSTMAutoencoder:
    torch.manual_seed(0)
    input = DifferenceInput() if differences else None
    encoder = LSTMEncoder(FlatFrames(SIZE, input=input), hidden=5, layers=layers)
    how = {"future": 3, "loss": "squared_error" if differences else "cross_entropy"} | how
    return LSTMAutoencoder(encoder, **how)


def by_hand(decoder: Decoder, state: Any, fed: list[Tensor | None]) -> Tensor:
    """One step after another, with the inputs that are given."""
    raw = []
    for frame in fed:
        now = decoder.lstm.blank() if frame is None else decoder.lstm.project(frame[:, None])[:, 0]
        state = decoder.lstm.step(now, state)
        raw.append(decoder.readout(state[0]))
    return torch.stack(raw, 1)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("conditional", [False, True])
def test_losses_are_cross_entropy_per_frame_of_decoders_run_by_hand(
    layers: int, conditional: bool
) -> None:
    objective = made(
        layers=layers, conditional_future=conditional, conditional_reconstruction=conditional
    ).train()
    losses = objective(clips())
    vectors = objective.encoder.vectors(clips())[:, 0]
    shown, ahead = vectors[:, :4], vectors[:, 4:]
    _, state = objective.encoder.run(shown)
    backwards = [shown[:, at] for at in (3, 2, 1, 0)]
    expected = {}
    for name, decoder, truth in (
        ("reconstruction", objective.reconstruction, backwards),
        ("future", objective.prediction, list(ahead.unbind(1))),
    ):
        assert decoder is not None
        fed = [None, *truth[:-1]] if conditional else [None] * len(truth)
        raw = by_hand(decoder, state, fed)
        each = functional.binary_cross_entropy(
            raw.sigmoid(), torch.stack(truth, 1), reduction="none"
        )
        expected[name] = each.sum(2).mean()
    torch.testing.assert_close(losses.parts, expected)
    summed = 3 * 4 * expected["reconstruction"] + 3 * 3 * expected["future"]
    torch.testing.assert_close(losses.total, summed)


def test_a_forecast_is_fed_its_own_frames_and_sees_no_future() -> None:
    objective = made(conditional_future=True).eval()
    forecast = objective.forecast(clips())
    assert forecast.free
    vectors = objective.encoder.vectors(clips())[:, 0]
    _, state = objective.encoder.run(vectors[:, :4])
    assert objective.prediction is not None
    frames: list[Tensor] = []
    for _ in range(3):
        fed = [None, *frames]
        frames.append(by_hand(objective.prediction, state, fed)[:, -1].sigmoid())
    expected = torch.stack(frames, 1).unflatten(2, (1, *SIZE))
    torch.testing.assert_close(forecast.predicted, expected)
    torch.testing.assert_close(forecast.truth.flatten(2), vectors[:, 4:])
    changed = clips()
    changed[:, 4:] = 0
    torch.testing.assert_close(objective.forecast(changed).predicted, forecast.predicted)


def test_a_loss_in_use_is_that_of_the_forecast() -> None:
    objective = made(conditional_future=True).eval()
    forecast = objective.forecast(clips())
    expected = loss_of(forecast.predicted, forecast.truth, "cross_entropy").mean()
    torch.testing.assert_close(objective(clips()).parts["future"], expected)


def test_a_forecast_may_go_further_than_training_did() -> None:
    objective = made(conditional_future=True).eval()
    assert objective.forecast(clips(), future=6).predicted.shape == (3, 6, 1, *SIZE)
    with pytest.raises(InputError, match="clips give 7 frame vectors and 7 are to be predicted"):
        objective.forecast(clips(), future=7)


def test_own_frames_are_fed_as_often_as_the_ramp_says() -> None:
    own = OwnFrames(share=0.8, ramp=3)
    updates = torch.tensor([0, 1, 3, 9])
    torch.testing.assert_close(own.at(updates), torch.tensor([0.2, 0.4, 0.8, 0.8]))
    objective = made(conditional_future=True, own=OwnFrames(share=1.0)).train()
    free = objective(clips()).parts["future"]
    torch.testing.assert_close(free, objective.eval()(clips()).parts["future"])
    assert int(objective.updates) == 1


def test_a_share_of_own_frames_mixes_them_with_true_ones() -> None:
    objective = made(conditional_future=True)
    assert objective.prediction is not None
    vectors = objective.encoder.vectors(clips())[:, 0]
    _, state = objective.encoder.run(vectors[:, :4])
    ahead = vectors[:, 4:]
    ends = {own: objective.prediction.fed(state, steps=3, truth=ahead, own=own) for own in (0, 1)}
    torch.testing.assert_close(ends[0], objective.prediction.teacher_forced(state, ahead))
    torch.testing.assert_close(ends[1], objective.prediction(state, steps=3))
    torch.manual_seed(0)
    mixed = objective.prediction.fed(state, steps=3, truth=ahead, own=0.5)
    # The second frame of each sequence has one of the two before it.
    is_end = [torch.isclose(mixed[:, 1], ends[own][:, 1]).all(1) for own in (0, 1)]
    assert (is_end[0] | is_end[1]).all()
    assert is_end[0].any()
    assert is_end[1].any()


def test_differences_are_predicted_in_squares() -> None:
    objective = made(differences=True, reconstruct=False).eval()
    losses = objective(clips())
    forecast = objective.forecast(clips())
    assert list(losses.parts) == ["future"]
    expected = (forecast.predicted - forecast.truth).square().sum((2, 3, 4)).mean()
    torch.testing.assert_close(losses.parts["future"], expected)


def test_gradients_reach_the_encoder_through_each_decoder() -> None:
    for how in ({"future": 0}, {"reconstruct": False}):
        objective = made(**how)
        objective(clips()).total.backward()
        assert all(
            weight.grad is not None and bool(weight.grad.abs().sum() > 0)
            for weight in objective.encoder.lstm.parameters()
        )


def test_percepts_that_are_trained_keep_the_targets_they_began_with() -> None:
    torch.manual_seed(0)
    network = FrameEncoder(SmallNet(channels=1, stages=(8,)))
    encoder = LSTMEncoder(Percepts(network, frozen=False), hidden=5)
    objective = LSTMAutoencoder(encoder, future=3, loss="squared_error")
    before = objective.forecast(clips()).truth
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(1.0)
    torch.testing.assert_close(objective.forecast(clips()).truth, before)
    objective(clips()).total.backward()
    assert all(weight.grad is not None for weight in network.parameters())
    assert objective.goal is not None
    assert all(weight.grad is None for weight in objective.goal.parameters())
    objective.begin()
    assert not torch.equal(objective.forecast(clips()).truth, before)
    assert objective.preview(clips()) == {}


def test_an_objective_comes_back_with_its_decoders(tmp_path: Path) -> None:
    objective = made(layers=2, conditional_future=True).eval()
    again = load_predictive(objective.save(tmp_path / "objective").parent)
    torch.testing.assert_close(
        again.forecast(clips()).predicted, objective.forecast(clips()).predicted
    )
    with pytest.raises(InputError, match="holds no predictive objective"):
        load_predictive(tmp_path / "elsewhere")


@pytest.mark.parametrize("how", [{}, {"future": 0}, {"reconstruct": False}, {"differences": True}])
def test_pictures_show_what_the_decoders_make(how: dict[str, Any]) -> None:
    objective = made(**how).eval()
    with torch.no_grad():
        pictures = objective.preview(clips())
    expected = {"forecast"} if how.get("future", 3) else set()
    expected |= {"reconstruction"} if how.get("reconstruct", True) else set()
    assert set(pictures) == expected
    assert all(p.dtype == torch.uint8 and len(p) == 3 for p in pictures.values())


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"future": 0, "reconstruct": False}, "future is 0 and reconstruct False; expected"),
        ({"future": -1}, "future is -1"),
        ({"own": OwnFrames(0.5)}, "own is 0.5 but there is no conditional future decoder"),
        ({"differences": True, "loss": "cross_entropy"}, "cross_entropy takes values in 0..1"),
    ],
)
def test_what_does_not_go_together_is_one_line(how: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        made(**how)


def test_shares_beyond_one_and_missing_decoders_are_refused() -> None:
    with pytest.raises(InputError, match=r"expected a share in 0\.\.1"):
        replace(OwnFrames(), share=1.5)
    with pytest.raises(InputError, match="reconstructs only"):
        made(future=0).forecast(clips())
    with pytest.raises(InputError, match="this LSTMAutoencoder predicts only"):
        made(reconstruct=False).reconstructed(clips())
