"""One supervised run as it was ordered: arguments that fit together."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from selfvid.saving.recorded import describe
from selfvid.data.clips.crops import Crop
from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.video.decode import DecoderName
from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.clips.sampling import Sampling
from selfvid.data.clips.augmentation import Augmentation
from selfvid.encoders.base import Encoder, Provenance
from selfvid.finetuning.settings.second_set import Also
from selfvid.finetuning.balanced_batches import BalancedStream
from selfvid.training.batches import BatchStream
from selfvid.finetuning.classifier import Classifier, TwoHeads, check_fits
from selfvid.finetuning.settings.coherence import Coherence
from selfvid.training.rates import UNIFORM, Rates
from selfvid.training.clips import check_diet, clip_dataset
from selfvid.training.run_folder import RunFolder
from selfvid.training.schedule import Training
from selfvid.errors import InputError
from selfvid.heads.base import Head


@dataclass(frozen=True, kw_only=True)
class Supervision:
    """The arguments of `finetune`, which explains them, with defaults filled in.

    Raises:
        InputError: where they do not go together.
    """

    data: str
    out: str
    encoder: Encoder
    head: Head
    init: str | None
    label: str
    clips: Sampling
    views: Sampling
    size: tuple[int, int] | None
    flow: str | None
    crop: Crop | None
    augment: Augmentation | None
    rates: Rates
    training: Training
    balanced: bool
    coherence: Coherence | None
    cache: int | None
    cache_folder: str | None
    also: Also | None
    second_head: Head | None
    decoder: DecoderName
    decoded: str | None = None
    workers: int
    faults: FaultPolicy
    seed: int

    def __post_init__(self) -> None:
        if self.seed < 0 or self.workers < 0:
            raise InputError(
                f"seed is {self.seed} and workers {self.workers}; expected 0 or more of both"
            )
        if self.training.batch % (self.training.accumulate * self._clips_per_video):
            raise InputError(
                f"batch {self.training.batch} is no multiple of accumulate "
                f"{self.training.accumulate} times clips per video {self._clips_per_video}"
            )
        check_diet(self.encoder, self.flow)
        if self.flow is not None and self.augment is not None:
            raise InputError("augment changes colours, and flow is no picture; expected null")
        if self.augment is not None:
            self.augment.check(self.clips.length)
        if self.clips.length < self.encoder.window:
            raise InputError(
                f"clips of {self.clips.length} are shorter than the {self.encoder.window} that one "
                "step of the encoder sees; expected at least as many"
            )
        self.rates.check(self.classifier)
        self._check_cache()
        if self.coherence is not None:
            self.coherence.check(
                self.encoder, flow=self.flow, rates=self.rates, training=self.training
            )
        if self.also is not None:
            self._check_second(self.also)

    def _check_cache(self) -> None:
        if self.cache is None and self.cache_folder is not None:
            raise InputError(
                f"cache_folder is {self.cache_folder!r} and cache null; expected the number of "
                "clips of each video whose features are kept in it"
            )
        if self.cache is None:
            return
        if self.cache < 1:
            raise InputError(f"cache is {self.cache}; expected 1 or more clips of each video")
        if self.coherence is not None:
            raise InputError(
                "cache keeps features of a frozen encoder, and coherence trains it; expected one "
                "of them to be null"
            )
        for name, _ in self.encoder.named_parameters():
            if self.rates.of(f"encoder.{name}"):
                raise InputError(
                    f"cache keeps features of a frozen encoder, and encoder.{name} learns; "
                    "expected rates with encoder: 0"
                )

    def _check_second(self, also: Also) -> None:
        if self.coherence is not None:
            raise InputError("both also and coherence are given; expected one of them to be null")
        also.check(self.encoder, self.rates)
        try:
            self.second(size=self.size)
        except InputError as error:
            raise InputError(f"of also: {error}") from error

    @property
    def classifier(self) -> Classifier:
        """The encoder with its head, or its two heads."""
        if self.second_head is None:
            return Classifier(self.encoder, self.head)
        return TwoHeads(self.encoder, self.head, self.second_head)

    def second(self, *, size: tuple[int, int] | None) -> Supervision:
        """The same of the second data set alone.

        Args:
            size: H and W of its frames.
        """
        also, head = self.also, self.second_head
        assert also is not None
        assert head is not None
        batch = self.training.batch if also.batch is None else also.batch
        return dataclasses.replace(
            self,
            data=also.data,
            label=also.label,
            flow=also.flow or self.flow,
            head=head,
            size=size,
            training=dataclasses.replace(self.training, batch=batch),
            rates=UNIFORM,
            also=None,
            second_head=None,
            # With the same seed two data sets of one length would be shuffled alike.
            seed=self.seed + 1,
        )

    def check(self, dataset: ClipDataset) -> None:
        """Refuse frames that are too small, before anything is trained.

        Raises:
            InputError: where they do not fit the crop, or the encoder.
        """
        if self.crop is not None:
            self.crop.check(dataset.size)
        seen = dataset.size if self.crop is None else self.crop.size
        check_fits(Classifier(self.encoder, self.head), seen, frames=self.clips.length)

    @property
    def _clips_per_video(self) -> int:
        return int(getattr(self.clips, "clips", 1))

    @property
    def features(self) -> Path:
        """Where features lie, if they are kept."""
        folder: Path = RunFolder(self.out).features
        return folder if self.cache_folder is None else Path(self.cache_folder)

    def recipe(self) -> dict[str, Any]:
        """The arguments as plain data that `finetune --config` reads."""
        plain: dict[str, Any] = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        plain["training"] = dataclasses.asdict(self.training)
        plain["faults"] = dataclasses.asdict(self.faults)
        plain["rates"] = dict(self.rates.factors)
        described: dict[str, Any] = describe(plain)
        if self.coherence is not None:
            described["coherence"] = described["coherence"]["init_args"]
        if self.also is not None:
            described["also"] = described["also"]["init_args"]
        del described["second_head"]  # of the same kind as the first
        for told in ("widths", "classes"):  # by the encoder and the labels
            del described["head"]["init_args"][told]
        return described

    def provenance(
        self, labelled: Collection[str], size: tuple[int, int], *, unlabelled: Collection[str]
    ) -> Provenance:
        """Where the encoder comes from, once it is trained on these videos too.

        Args:
            labelled: content ids of the labelled ones.
            size: H and W that frames were decoded at.
            unlabelled: content ids of those that coherence was asked of.
        """
        before = self.encoder.provenance
        learns = [self.rates.of(f"encoder.{name}") for name, _ in self.encoder.named_parameters()]
        frozen = not any(learns)
        taught = set() if frozen else set(labelled)
        footage = set(taught)
        notes = [] if frozen else ["fine-tuned with labels"]
        if self.also is not None:
            notes.append("trained on two data sets at once")
        if self.coherence is not None:
            footage |= set(unlabelled)
            notes.append("trained with temporal coherence in turn")
        return dataclasses.replace(
            before,
            footage=tuple(sorted({*before.footage, *footage})),
            labelled=tuple(sorted({*before.labelled, *taught})),
            size=size if self.crop is None else self.crop.size,
            frames=self.clips.length,
            stride=int(getattr(self.clips, "stride", 1)),
            fps=getattr(self.clips, "fps", None),
            notes=(*before.notes, *notes),
        )

    def stream(self, labels: np.ndarray) -> BatchStream:
        """Which videos of a training part make up which batch."""
        training = self.training
        per_batch = training.batch // training.accumulate // self._clips_per_video
        total = training.steps * training.accumulate
        if self.balanced:
            return BalancedStream(labels.tolist(), per_batch=per_batch, total=total, seed=self.seed)
        return BatchStream(len(labels), per_batch=per_batch, total=total, seed=self.seed)

    def dataset(self, part: Manifest, classes: tuple[str, ...], *, testing: bool) -> ClipDataset:
        """Labelled clips of some of the videos; none may fail in a test, or be cached.

        What stands in for a clip that failed may be of another class, or of a test video.
        """
        return clip_dataset(
            part,
            self.views if testing else self.clips,
            self.encoder,
            flow=self.flow,
            size=self.size,
            seed=self.seed,
            decoder=self.decoder,
            decoded=self.decoded,
            label=self.label,
            classes=classes,
            faults=FaultPolicy(share=0) if testing or self.cache else self.faults,
        )
