"""What a run was trained on, and so what its forecasts are tested on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from selfvid.data.clips.sampling import EvenClips
from selfvid.data.digits.stream import DigitStream
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import DecoderName
from selfvid.encoders.base import read_provenance
from selfvid.errors import InputError
from selfvid.features.choices import choose_size
from selfvid.forecasting.digits import DigitSequences
from selfvid.forecasting.footage import VideoSequences
from selfvid.forecasting.sequences import Sequences
from selfvid.objectives.predictive import Predictive
from selfvid.saving.recorded import build
from selfvid.training.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which sequences are asked for; `forecast` explains the fields."""

    data: Path | None
    count: int
    batch: int
    seed: int
    device: torch.device
    decoder: DecoderName
    workers: int


def find_sequences(run: Path, objective: Predictive, wanted: Wanted) -> Sequences:
    """Sequences to test `objective`, which `run` left, on.

    Raises:
        InputError: where the run does not tell what it was trained on, or that or `wanted.data`
            is not there.
    """
    recipe = RunFolder(run).read_recipe()
    trained_on = recipe.get("data")
    if isinstance(trained_on, dict):
        stream = _stream(trained_on, run)
        if wanted.data is not None and wanted.data.is_file():
            raise InputError(
                f"data is {str(wanted.data)!r}, a file, but the run was trained on generated "
                "digits; expected a folder of MNIST's idx files, or sklearn"
            )
        return DigitSequences(
            stream,
            source=wanted.data,
            count=wanted.count,
            batch=wanted.batch,
            seed=wanted.seed,
            device=wanted.device,
        )
    if not isinstance(trained_on, str):
        raise InputError(
            f"recipe {str(RunFolder(run).recipe)!r} names no data; expected a manifest"
        )
    return _video_sequences(run, objective, wanted, Path(trained_on), split=recipe.get("split"))


def _video_sequences(
    run: Path, objective: Predictive, wanted: Wanted, trained_on: Path, *, split: Any
) -> VideoSequences:
    """Clips as in training: as long, as far apart, of the same size."""
    used_to = read_provenance(run)
    if used_to.frames is None:
        raise InputError(f"the encoder of {str(run)!r} does not say how long its clips were")
    if not trained_on.is_file():
        raise InputError(
            f"manifest {str(trained_on)!r}, which the run was trained on, is not there; the "
            "baselines learn from it: expected to be called where the run was made"
        )
    known = Manifest.read(trained_on)
    usable = known.usable
    return VideoSequences(
        known if wanted.data is None else Manifest.read(wanted.data),
        trained=usable.select([split is None or row.split == split for row in usable.rows]),
        footage=used_to.footage,
        # Nothing is to be foretold of a clip whose last frame is repeated to make it long enough.
        cut=EvenClips(
            frames=used_to.frames + objective.future,
            stride=used_to.stride,
            fps=used_to.fps,
            short="skip",
        ),
        size=choose_size(used_to, None),
        count=wanted.count,
        batch=wanted.batch,
        decoder=wanted.decoder,
        workers=wanted.workers,
    )


def _stream(described: dict[str, Any], run: Path) -> DigitStream:
    stream = build(described)
    if not isinstance(stream, DigitStream):
        raise InputError(
            f"data in {str(RunFolder(run).recipe)!r} is neither a manifest nor moving digits"
        )
    return stream
