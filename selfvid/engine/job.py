"""One run as it was ordered: arguments that fit together, and what follows from them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from selfvid.construction import describe
from selfvid.data.clips import clip_loader
from selfvid.data.dataset import ClipDataset
from selfvid.data.decode import DecoderName
from selfvid.data.faults import FaultPolicy
from selfvid.data.manifest import Manifest
from selfvid.data.sampling import EvenClips, Sampling
from selfvid.data.transforms import Augmentation
from selfvid.encoders.base import Provenance
from selfvid.engine.precision import pick_device
from selfvid.engine.run_folder import recipe_hash
from selfvid.engine.schedule import Training
from selfvid.errors import InputError
from selfvid.objectives.base import Objective
from selfvid.types import ClipBatch

SAMPLE_VIDEOS = 64
SAMPLE_CLIPS = 4


@dataclass(frozen=True, kw_only=True)
class Job:
    """The arguments of `pretrain`, which explains them, with defaults filled in.

    Raises:
        InputError: where they do not go together.
    """

    data: str
    out: str
    objective: Objective
    clips: Sampling
    size: list[int]
    augment: Augmentation | None
    training: Training
    split: str | None
    decoder: DecoderName
    workers: int
    faults: FaultPolicy
    seed: int
    init: str | None

    def __post_init__(self) -> None:
        if len(self.size) != 2 or min(self.size) < 1:
            raise InputError(f"size must be one positive number or H and W, got {self.size}")
        if self.clips.length < self.objective.least_frames:
            raise InputError(
                f"clips of {self.clips.length} frames are too short for "
                f"{type(self.objective).__name__}; expected at least "
                f"{self.objective.least_frames}"
            )
        if self.training.batch % (self.training.accumulate * self.clips_per_video):
            raise InputError(
                f"batch {self.training.batch} is no multiple of accumulate "
                f"{self.training.accumulate} times clips per video {self.clips_per_video}"
            )
        self._check_batch()
        if self.workers < 0:
            raise InputError(f"workers must be 0 or more, got {self.workers}")
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed}")
        pick_device(self.training.accelerator)
        self._check_size()

    def _check_batch(self) -> None:
        batch = self.training.batch // self.training.accumulate
        if batch < self.objective.least_clips:
            raise InputError(
                f"batch {self.training.batch} over accumulate {self.training.accumulate} is too "
                f"small for {type(self.objective).__name__}; expected at least "
                f"{self.objective.least_clips} clips"
            )
        if batch // self.clips_per_video % self.training.devices:
            raise InputError(
                f"{batch // self.clips_per_video} videos in a batch cannot be shared by "
                f"{self.training.devices} devices; expected a multiple"
            )

    def _check_size(self) -> None:
        """Let the encoder see an empty clip: only it knows how small is too small."""
        encoder = self.objective.encoder
        was_training = encoder.training
        try:
            with torch.no_grad():
                encoder.eval()(torch.zeros(1, encoder.window, 3, *self.size))
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"size {self.size} does not fit the encoder ({error}); expected larger frames"
            ) from error
        finally:
            encoder.train(was_training)

    @property
    def clips_per_video(self) -> int:
        """Clips cut from each opened video."""
        return int(getattr(self.clips, "clips", 1))

    def recipe(self) -> dict[str, Any]:
        """The arguments as plain data that `pretrain --config` reads."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        # These two are plain settings: a recipe names no class for them.
        for name in ("training", "faults"):
            plain[name] = dataclasses.asdict(plain[name])
        return dict(describe(plain))

    def footage(self) -> Manifest:
        """The usable rows of the manifest, of the wanted split."""
        usable = Manifest.read(self.data).usable
        if self.split is not None:
            usable = usable.select([row.split == self.split for row in usable.rows])
        if not len(usable):
            of_split = "" if self.split is None else f" with split {self.split!r}"
            raise InputError(f"{self.data!r} has no usable video{of_split}; expected at least one")
        return usable

    def dataset(self, footage: Manifest, clips: Sampling) -> ClipDataset:
        """Clips of the footage, cut by the rule `clips`."""
        height, width = self.size
        return ClipDataset(
            footage,
            clips,
            size=(height, width),
            seed=self.seed,
            decoder=self.decoder,
            faults=self.faults,
        )

    def sample(self, footage: Manifest) -> ClipBatch:
        """A few clips of some videos, always the same, to look at while training."""
        chosen = np.unique(np.linspace(0, len(footage) - 1, SAMPLE_VIDEOS).astype(int))
        spread = EvenClips(
            frames=self.clips.length,
            stride=int(getattr(self.clips, "stride", 1)),
            fps=getattr(self.clips, "fps", None),
            clips=SAMPLE_CLIPS,
        )
        dataset = self.dataset(footage.select(chosen), spread)
        # In a worker wherever training has workers: a decoder that has run in this process must
        # not be carried into them by a fork.
        loader = clip_loader(dataset, batch_size=len(chosen), workers=min(1, self.workers))
        return next(iter(loader))

    def notes(self) -> tuple[str, ...]:
        """What a user of the encoder should know beside its numbers."""
        if self.training.average is None:
            return ()
        return (f"weights are a moving average with decay {self.training.average}",)

    def provenance(self, footage: Manifest) -> Provenance:
        """Where the encoder comes from, once it is trained."""
        seen = {row.video for row in footage.rows} | set(self.objective.encoder.provenance.footage)
        return Provenance(
            footage=tuple(sorted(seen)),
            recipe=recipe_hash(self.recipe()),
            size=(self.size[0], self.size[1]),
            frames=self.clips.length,
            stride=int(getattr(self.clips, "stride", 1)),
            fps=getattr(self.clips, "fps", None),
            notes=self.notes(),
        )
