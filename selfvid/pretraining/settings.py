"""One run as it was ordered: arguments that fit together, and what follows from them."""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from typing import Any

import torch

from selfvid.saving.recorded import describe
from selfvid.data.video.decode import DecoderName
from selfvid.data.digits.stream import DigitStream
from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.clips.sampling import RandomClips, Sampling
from selfvid.data.clips.augmentation import Augmentation
from selfvid.encoders.base import Provenance
from selfvid.compute import pick_device
from selfvid.training.clips import clip_dataset, pair, spare_workers
from selfvid.training.run_folder import recipe_hash
from selfvid.training.schedule import Training
from selfvid.training.sources import FilmedSource, GeneratedSource, Source
from selfvid.errors import InputError
from selfvid.objectives.base import Objective


@dataclass(frozen=True, kw_only=True)
class Job:
    """The arguments of `pretrain`, which explains them, with defaults filled in.

    Raises:
        InputError: where they do not go together.
    """

    data: str | DigitStream
    out: str
    objective: Objective
    clips: Sampling | None
    size: list[int] | None
    augment: Augmentation | None
    training: Training
    split: str | None
    decoder: DecoderName
    workers: int | None
    faults: FaultPolicy
    seed: int
    init: str | None
    flow: str | None = None
    decoded: str | None = None

    def __post_init__(self) -> None:
        pair(self.size)
        if self.flow is not None and self.augment is not None:
            raise InputError("augment changes colours, and flow is no picture; expected null")
        if self.workers is not None and self.workers < 0:
            raise InputError(f"workers must be 0 or more, got {self.workers}")
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed}")
        if isinstance(self.data, DigitStream):
            self._check_generated(self.data)
        device = pick_device(self.training.accelerator)
        if self.training.compiled and device.type == "cpu" and not shutil.which("g++"):
            raise InputError("compiled is true but there is no g++ here; expected one, or false")

    def _check_generated(self, digits: DigitStream) -> None:
        """Refuse what has a meaning for files only."""
        given = {
            "clips": self.clips,
            "split": self.split,
            "workers": self.workers or None,
            "flow": self.flow,
        }
        for name, value in given.items():
            if value is not None:
                raise InputError(
                    f"{name} is {value} but the digits are made on the spot; expected it unset"
                )
        if self.size not in (None, [digits.canvas] * 2):
            raise InputError(
                f"size is {self.size} but the digits' canvas is {digits.canvas}; expected it unset"
            )

    def check(self, source: Source) -> None:
        """Refuse clips that the objective cannot use, before anything is written.

        Raises:
            InputError: where clips are too short, too few or too small.
        """
        if source.frames < self.objective.least_frames:
            raise InputError(
                f"clips of {source.frames} frames are too short for "
                f"{type(self.objective).__name__}; expected at least "
                f"{self.objective.least_frames}"
            )
        if self.training.batch % (self.training.accumulate * source.clips_per_video):
            raise InputError(
                f"batch {self.training.batch} is no multiple of accumulate "
                f"{self.training.accumulate} times clips per video {source.clips_per_video}"
            )
        if self.augment is not None:
            self.augment.check(source.frames)
        self._check_batch(source.clips_per_video)
        self.objective.check_size(*source.size)
        self._check_size(source.size)

    def _check_batch(self, clips_per_video: int) -> None:
        batch = self.training.batch // self.training.accumulate
        if batch < self.objective.least_clips:
            raise InputError(
                f"batch {self.training.batch} over accumulate {self.training.accumulate} is too "
                f"small for {type(self.objective).__name__}; expected at least "
                f"{self.objective.least_clips} clips"
            )
        if batch // clips_per_video % self.training.devices:
            raise InputError(
                f"{batch // clips_per_video} videos in a batch cannot be shared by "
                f"{self.training.devices} devices; expected a multiple"
            )

    def _check_size(self, size: tuple[int, int]) -> None:
        """Let the encoder see an empty clip: only it knows how small is too small."""
        encoder = self.objective.encoder
        was_training = encoder.training
        try:
            with torch.no_grad():
                encoder.eval()(torch.zeros(1, encoder.window, encoder.eats, *size))
        except InputError:
            raise
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"size {list(size)} does not fit the encoder ({error}); expected larger frames"
            ) from error
        finally:
            encoder.train(was_training)

    def recipe(self) -> dict[str, Any]:
        """The arguments as plain data that `pretrain --config` reads."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        # These two are plain settings: a recipe names no class for them.
        for name in ("training", "faults"):
            plain[name] = dataclasses.asdict(plain[name])
        return dict(describe(plain))

    def source(self) -> Source:
        """Where the clips come from.

        Raises:
            InputError: where there is no usable video, or none as long as a clip.
        """
        if isinstance(self.data, DigitStream):
            return GeneratedSource(self.data)
        dataset = clip_dataset(
            self._footage(self.data),
            self.clips or RandomClips(frames=2),
            self.objective.encoder,
            flow=self.flow,
            size=pair(self.size),
            seed=self.seed,
            decoder=self.decoder,
            decoded=self.decoded,
            faults=self.faults,
        )
        dataset.require_fitting()
        workers = spare_workers() if self.workers is None else self.workers
        return FilmedSource(dataset, workers=workers)

    def _footage(self, path: str) -> Manifest:
        """The usable rows of the manifest, of the wanted split."""
        usable = Manifest.read(path).usable
        if self.split is not None:
            usable = usable.select([row.split == self.split for row in usable.rows])
        if not len(usable):
            of_split = "" if self.split is None else f" with split {self.split!r}"
            raise InputError(f"{path!r} has no usable video{of_split}; expected at least one")
        return usable

    def notes(self) -> tuple[str, ...]:
        """What a user of the encoder should know beside its numbers."""
        if self.training.average is None:
            return ()
        return (f"weights are a moving average with decay {self.training.average}",)

    def provenance_at_start(self, source: Source) -> Provenance:
        """Where the encoder comes from before it is trained, and the clips that it will see."""
        return dataclasses.replace(
            self.objective.encoder.provenance,
            size=source.size,
            frames=self.objective.shown(source.frames),
            stride=source.stride,
            fps=source.fps,
        )

    def provenance(self, source: Source) -> Provenance:
        """Where the encoder comes from, once it is trained."""
        seen = {*source.videos, *self.objective.encoder.provenance.footage}
        return dataclasses.replace(
            self.provenance_at_start(source),
            footage=tuple(sorted(seen)),
            generated=source.maker,
            recipe=recipe_hash(self.recipe()),
            notes=self.notes(),
        )
