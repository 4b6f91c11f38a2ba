"""Strips of a few forecasts: what came, what was predicted, what the floors say."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import pad

from selfvid.forecasting.baselines import MEAN, Floors
from selfvid.forecasting.measures import PREDICTION
from selfvid.objectives.predictive import Forecast, Predictive, to_bytes
from selfvid.pictures import Picture, flow_in_colour, grid

SHOWN = 4


def strips(
    objective: Predictive, forecast: Forecast, floors: Floors, *, true_flow: Tensor | None = None
) -> list[Picture]:
    """One picture for each of the first sequences; none where frames are no pictures.

    Args:
        objective: knows what its frames look like.
        forecast: what to show.
        floors: the guesses below the prediction; the mean frame is left out, being the same
            everywhere.
        true_flow: (N, F, 2, H, W) where it is known.
    """
    if forecast.frames.ndim != 5:
        return []
    guesses = floors.guesses(forecast)
    rows = {
        "true": forecast.frames,
        PREDICTION: forecast.predicted,
        **{name: guess for name, guess in guesses.items() if name != MEAN},
    }
    flows = {
        name: flow
        for name, flow in {"flow, predicted": forecast.flow, "flow, true": true_flow}.items()
        if flow is not None
    }
    pictures = []
    for number in range(min(SHOWN, len(forecast.frames))):
        bands = {
            name: to_bytes(objective.visible(frames[number])) for name, frames in rows.items()
        } | _in_colour({name: flow[number] for name, flow in flows.items()})
        under = [_last(band, forecast.frames.shape[1]) for band in bands.values()]
        pictures.append(grid(under, captions=list(bands), height=64))
    return pictures


def _in_colour(flows: dict[str, Tensor]) -> dict[str, Tensor]:
    """Flows (F, 2, H, W) of one sequence in colour, all on the scale of the last, the truest."""
    if not flows:
        return {}
    longest = float(list(flows.values())[-1].float().norm(dim=1).max()) or None
    return {
        name if longest is None else f"{name}, full colour at {longest:.1f} px": flow_in_colour(
            flow.cpu(), longest=longest
        )
        for name, flow in flows.items()
    }


def _last(tiles: Tensor, frames: int) -> Tensor:
    """White tiles first, so that each of `tiles` (F, C, H, W) stands under its own frame."""
    return pad(tiles, (0, 0) * 3 + (frames - len(tiles), 0), value=255)
