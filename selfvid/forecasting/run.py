"""Finding the test sequences of a run: of the same kind as those that it was trained on."""

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
class SequenceOptions:
    """Which sequences to test on; `forecast` explains the fields."""

    data: Path | None
    count: int
    batch: int
    seed: int
    device: torch.device
    decoder: DecoderName
    workers: int


def find_sequences(run: Path, objective: Predictive, options: SequenceOptions) -> Sequences:
    """Return the sequences to test a run on: digits or clips of videos, as in its training.

    Args:
        run: folder of the run.
        objective: the objective that it trained.
        options: which sequences to use.

    Raises:
        InputError: If the run does not say what it was trained on, or that data or `options.data`
            is missing.
    """
    recipe = RunFolder(run).read_recipe()
    trained_on = recipe.get("data")
    if isinstance(trained_on, dict):
        stream = _stream(trained_on, run)
        if options.data is not None and options.data.is_file():
            raise InputError(
                f"data is {str(options.data)!r}, a file, but the run was trained on generated "
                "digits; expected a folder of MNIST's idx files, or sklearn"
            )
        return DigitSequences(
            stream,
            source=options.data,
            count=options.count,
            batch=options.batch,
            seed=options.seed,
            device=options.device,
        )
    if not isinstance(trained_on, str):
        raise InputError(
            f"recipe {str(RunFolder(run).recipe)!r} names no data; expected a manifest"
        )
    return _video_sequences(run, objective, options, Path(trained_on), split=recipe.get("split"))


def _video_sequences(
    run: Path, objective: Predictive, options: SequenceOptions, trained_on: Path, *, split: Any
) -> VideoSequences:
    """Return clips with the length, stride and size of training."""
    provenance = read_provenance(run)
    if provenance.frames is None:
        raise InputError(f"the encoder of {str(run)!r} does not say how long its clips were")
    if not trained_on.is_file():
        raise InputError(
            f"manifest {str(trained_on)!r}, which the run was trained on, is not there; the "
            "baselines are fitted to it: expected the folder in which the run was started"
        )
    training = Manifest.read(trained_on)
    usable = training.usable
    return VideoSequences(
        training if options.data is None else Manifest.read(options.data),
        trained=usable.select([split is None or row.split == split for row in usable.rows]),
        footage=provenance.footage,
        # Short videos are skipped: repeated frames at the end would be too easy to predict.
        cut=EvenClips(
            frames=provenance.frames + objective.future,
            stride=provenance.stride,
            fps=provenance.fps,
            short="skip",
        ),
        size=choose_size(provenance, None),
        count=options.count,
        batch=options.batch,
        decoder=options.decoder,
        workers=options.workers,
    )


def _stream(described: dict[str, Any], run: Path) -> DigitStream:
    """Return the stream of digits that a recipe describes."""
    stream = build(described)
    if not isinstance(stream, DigitStream):
        raise InputError(
            f"data in {str(RunFolder(run).recipe)!r} is neither a manifest nor moving digits"
        )
    return stream
