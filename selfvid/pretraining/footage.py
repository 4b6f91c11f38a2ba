"""The clips of a pretraining run, checked against its objective, and the encoder's provenance."""

from __future__ import annotations

import dataclasses

import torch

from selfvid.data.clips.sampling import RandomClips
from selfvid.data.digits.stream import DigitStream
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.base import Encoder, Provenance
from selfvid.errors import InputError
from selfvid.pretraining.settings import PretrainSettings
from selfvid.pretraining.sources import ClipSource, GeneratedSource, VideoSource
from selfvid.training.run_folder import recipe_hash


def open_source(settings: PretrainSettings) -> ClipSource:
    """Return the source of the run's clips, checked before anything is written.

    Raises:
        InputError: If there is no usable video, or if the clips are too short, too few or too
            small for the objective.
    """
    source = _source(settings)
    _check(settings, source)
    return source


def provenance_at_start(
    settings: PretrainSettings, source: ClipSource, encoder: Encoder
) -> Provenance:
    """Return an encoder's provenance before training, with the shape of its training clips."""
    # An objective may need flow beside the pixels that the encoder takes, or take both.
    takes_flow = encoder.in_channels != 3
    shown = settings.objective.shown(source.frames)
    return dataclasses.replace(
        encoder.provenance,
        size=source.size,
        # Between the frames of a clip of pixels there is one field fewer.
        frames=shown - 1 if takes_flow and settings.objective.needs_flow else shown,
        stride=source.stride,
        fps=source.fps,
        flow=settings.reading.estimators if takes_flow else "",
    )


def provenance(settings: PretrainSettings, source: ClipSource, encoder: Encoder) -> Provenance:
    """Return an encoder's provenance after training."""
    seen = {*source.videos, *encoder.provenance.footage}
    return dataclasses.replace(
        provenance_at_start(settings, source, encoder),
        footage=tuple(sorted(seen)),
        generated=source.maker,
        recipe=recipe_hash(settings.recipe()),
        notes=notes(settings),
    )


def notes(settings: PretrainSettings) -> tuple[str, ...]:
    """Return remarks for users of the encoder."""
    average = settings.training.average
    return () if average is None else (f"weights are a moving average with decay {average}",)


def _source(settings: PretrainSettings) -> ClipSource:
    if isinstance(settings.data, ClipSource):
        return settings.data
    if isinstance(settings.data, DigitStream):
        return GeneratedSource(settings.data)
    dataset = settings.reading.dataset(
        _usable_videos(settings.data, settings.split),
        settings.clips or RandomClips(frames=2),
        settings.objective.encoder,
        beside=settings.objective.needs_flow,
        seed=settings.seed,
    )
    dataset.require_fitting()
    if settings.objective.whole_clips:
        dataset.require_whole()
    return VideoSource(dataset, workers=settings.reading.processes)


def _usable_videos(path: str, split: str | None) -> Manifest:
    """Return the usable rows of the manifest, or those of one split."""
    usable = Manifest.read(path).usable
    if split is not None:
        usable = usable.select([row.split == split for row in usable.rows])
    if not len(usable):
        of_split = "" if split is None else f" with split {split!r}"
        raise InputError(f"{path!r} has no usable video{of_split}; expected at least one")
    return usable


def _check(settings: PretrainSettings, source: ClipSource) -> None:
    objective, training = settings.objective, settings.training
    if source.frames < objective.least_frames:
        raise InputError(
            f"clips of {source.frames} frames are too short for {type(objective).__name__}; "
            f"expected at least {objective.least_frames}"
        )
    if training.batch % (training.accumulate * source.clips_per_video):
        raise InputError(
            f"batch {training.batch} is no multiple of accumulate {training.accumulate} times "
            f"clips per video {source.clips_per_video}"
        )
    if settings.augment is not None:
        settings.augment.check(source.frames)
        if objective.needs_flow:
            settings.augment.check_flow()
        if objective.directed:
            settings.augment.check_direction()
    _check_batch(settings, source.clips_per_video)
    _check_size(settings, source.size)
    objective.check_size(*source.size)


def _check_batch(settings: PretrainSettings, clips_per_video: int) -> None:
    objective, training = settings.objective, settings.training
    batch = training.batch // training.accumulate
    if batch < objective.least_clips:
        raise InputError(
            f"batch {training.batch} over accumulate {training.accumulate} is too small for "
            f"{type(objective).__name__}; expected at least {objective.least_clips} clips"
        )
    if batch // clips_per_video % training.devices:
        raise InputError(
            f"{batch // clips_per_video} videos in a batch cannot be shared by "
            f"{training.devices} devices; expected a multiple"
        )


def _check_size(settings: PretrainSettings, size: tuple[int, int]) -> None:
    """Run each encoder on an empty clip: only an encoder knows which sizes are too small."""
    for encoder in settings.objective.encoders.values():
        _check_takes_size(encoder, size)


def _check_takes_size(encoder: Encoder, size: tuple[int, int]) -> None:
    was_training = encoder.training
    clip = torch.zeros(1, encoder.window, encoder.in_channels, *size)  # (1, T, C, H, W)
    try:
        with torch.no_grad():
            encoder.eval()(clip)
    except InputError:
        raise
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"size {list(size)} does not fit the encoder ({error}); expected larger frames"
        ) from error
    finally:
        encoder.train(was_training)
