from pathlib import Path

import pytest
import torch
from torch import Tensor

from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.vectors import FlatFrames
from selfvid.errors import InputError
from selfvid.objectives.lstm_autoencoder import LSTMAutoencoder
from selfvid.objectives.predictive import (
    PREVIEWED,
    Forecast,
    Predictive,
    load_predictive,
    to_bytes,
)
from selfvid.types import Losses


class Repeat(Predictive):
    """Predicts that the last shown frame stays."""

    future = 2
    loss = "squared_error"

    def forward(self, clip: Tensor) -> Losses:
        return Losses(clip.float().mean())

    def forecast(self, clip: Tensor, *, future: int | None = None) -> Forecast:
        steps = self.future if future is None else future
        frames = clip.float() / 255
        last = frames[:, -steps - 1, None]
        return Forecast(frames, last.expand(-1, steps, -1, -1, -1), free=True)


def clips(batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (batch, 5, 3, 8, 6), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("steps", [1, 3])
def test_truth_and_shown_frames_together_are_the_clip(steps: int) -> None:
    forecast = Repeat().forecast(clips(), future=steps)
    assert forecast.truth.shape == forecast.predicted.shape
    assert forecast.shown.shape[1] == 5 - steps
    torch.testing.assert_close(torch.cat((forecast.shown, forecast.truth), 1), forecast.frames)


def test_predicted_frames_are_not_shown_to_the_encoder() -> None:
    assert [Repeat().shown(frames) for frames in (3, 5)] == [1, 3]


def test_a_preview_has_a_band_for_each_of_a_few_clips() -> None:
    one, few, many = (
        Repeat().preview(clips(batch))["forecast"] for batch in (1, PREVIEWED, PREVIEWED + 2)
    )
    assert one.dtype == torch.uint8
    assert few.shape == (3, PREVIEWED * one.shape[1], one.shape[2])
    assert torch.equal(few[:, : one.shape[1]], Repeat().preview(clips(PREVIEWED)[:1])["forecast"])
    assert many.shape == few.shape


def test_bytes_are_rounded_to_the_nearest() -> None:
    values = torch.tensor([0.0, 0.4 / 255, 0.6 / 255, 127.4 / 255, 1.0])
    assert to_bytes(values).tolist() == [0, 0, 1, 127, 255]
    codes = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_bytes(codes / 255), codes)


def test_an_objective_that_reconstructs_nothing_says_so() -> None:
    with pytest.raises(InputError, match="Repeat reconstructs no frames"):
        Repeat().reconstructed(clips())


def test_an_objective_is_loaded_from_its_folder_or_its_run(tmp_path: Path) -> None:
    torch.manual_seed(0)
    objective = LSTMAutoencoder(LSTMEncoder(FlatFrames((8, 6)), hidden=3), future=2)
    saved = objective.save(tmp_path / "run" / "objective")
    wanted = objective.eval().forecast(clips()).predicted
    for folder in (saved, tmp_path / "run", str(saved)):
        again = load_predictive(folder)
        assert not again.training
        torch.testing.assert_close(again.forecast(clips()).predicted, wanted)


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no predictive objective; expected a finished run"):
        load_predictive(tmp_path)
    LSTMEncoder(FlatFrames((8, 6)), hidden=3).save(tmp_path / "objective")
    with pytest.raises(InputError):
        load_predictive(tmp_path)
