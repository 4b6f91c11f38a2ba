"""The clips that a pretraining run learns from, checked against what its objective needs."""

from __future__ import annotations

import dataclasses

import torch

from selfvid.data.clips.sampling import RandomClips
from selfvid.data.digits.stream import DigitStream
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.base import Provenance
from selfvid.errors import InputError
from selfvid.pretraining.settings import PretrainSettings
from selfvid.pretraining.sources import GeneratedSource, Source, VideoSource
from selfvid.training.run_folder import recipe_hash


def open_source(settings: PretrainSettings) -> Source:
    """The clips that `settings` ask for, checked before anything is written.

    Raises:
        InputError: where there is no usable video, or clips are too short, too few or too small
            for the objective.
    """
    source = _source(settings)
    _check(settings, source)
    return source


def provenance_at_start(settings: PretrainSettings, source: Source) -> Provenance:
    """Where the encoder comes from before it is trained, and the clips that it will see."""
    return dataclasses.replace(
        settings.objective.encoder.provenance,
        size=source.size,
        frames=settings.objective.shown(source.frames),
        stride=source.stride,
        fps=source.fps,
    )


def provenance(settings: PretrainSettings, source: Source) -> Provenance:
    """Where the encoder comes from, once it is trained."""
    seen = {*source.videos, *settings.objective.encoder.provenance.footage}
    return dataclasses.replace(
        provenance_at_start(settings, source),
        footage=tuple(sorted(seen)),
        generated=source.maker,
        recipe=recipe_hash(settings.recipe()),
        notes=notes(settings),
    )


def notes(settings: PretrainSettings) -> tuple[str, ...]:
    """What a user of the encoder should know beside its numbers."""
    average = settings.training.average
    return () if average is None else (f"weights are a moving average with decay {average}",)


def _source(settings: PretrainSettings) -> Source:
    if isinstance(settings.data, DigitStream):
        return GeneratedSource(settings.data)
    dataset = settings.reading.dataset(
        _usable_videos(settings.data, settings.split),
        settings.clips or RandomClips(frames=2),
        settings.objective.encoder,
        seed=settings.seed,
    )
    dataset.require_fitting()
    return VideoSource(dataset, workers=settings.reading.processes)


def _usable_videos(path: str, split: str | None) -> Manifest:
    """The usable rows of the manifest, of the wanted split."""
    usable = Manifest.read(path).usable
    if split is not None:
        usable = usable.select([row.split == split for row in usable.rows])
    if not len(usable):
        of_split = "" if split is None else f" with split {split!r}"
        raise InputError(f"{path!r} has no usable video{of_split}; expected at least one")
    return usable


def _check(settings: PretrainSettings, source: Source) -> None:
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
    _check_batch(settings, source.clips_per_video)
    objective.check_size(*source.size)
    _check_size(settings, source.size)


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
    """Let the encoder see an empty clip: only it knows how small is too small."""
    encoder = settings.objective.encoder
    was_training = encoder.training
    try:
        with torch.no_grad():
            encoder.eval()(torch.zeros(1, encoder.window, encoder.in_channels, *size))
    except InputError:
        raise
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"size {list(size)} does not fit the encoder ({error}); expected larger frames"
        ) from error
    finally:
        encoder.train(was_training)
