"""The settings of a finetune run: the arguments of `finetune`, checked against one another."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfvid.compute import Device, Precision, choose_device
from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.crops import Crop
from selfvid.data.clips.sampling import PairedClips, Sampling
from selfvid.encoders.base import Encoder, load_encoder
from selfvid.encoders.crops import check_crops, cuts_input
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.finetuning.classifier import Classifier, TwoHeads
from selfvid.finetuning.coherence import Coherence
from selfvid.finetuning.second_set import SecondData
from selfvid.heads.base import Head
from selfvid.saving.recorded import describe
from selfvid.training.clips import ClipReading, check_input
from selfvid.training.compiled import check_compiler
from selfvid.training.rates import UNIFORM, Rates
from selfvid.training.run_folder import RunFolder, check_same_input, within
from selfvid.training.schedule import Training


@dataclass(frozen=True, kw_only=True)
class FinetuneSettings:
    """The arguments of `finetune`, which explains them, with defaults filled in.

    Raises:
        InputError: If an argument is out of range or does not fit the others.
    """

    data: str
    out: str
    encoder: Encoder
    head: Head
    init: str | None
    label: str
    clips: Sampling
    views: Sampling
    crop: Crop | None
    augment: Augmentation | None
    reading: ClipReading
    rates: Rates
    training: Training
    balanced: bool
    coherence: Coherence | None
    cache: int | None
    cache_folder: str | None
    second: SecondData | None
    second_head: Head | None
    device: Device
    precision: Precision
    seed: int

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}; expected 0 or more")
        self._check_compiled()
        if self.training.batch % (self.training.accumulate * self.clips_per_video):
            raise InputError(
                f"batch {self.training.batch} is no multiple of accumulate "
                f"{self.training.accumulate} times clips per video {self.clips_per_video}"
            )
        check_input(self.encoder, self.reading.flow)
        if self.crop is not None:
            check_crops(self.encoder)
        if self.reading.flow is not None and self.augment is not None:
            self.augment.check_flow_clips()
        if isinstance(self.clips, PairedClips):
            raise InputError(
                "clips are pairs of windows of PairedClips, which only pretraining takes; expected "
                "another rule, such as RandomClips"
            )
        if self.augment is not None:
            self.augment.check(self.clips.length)
        if self.clips.length < self.encoder.window:
            raise InputError(
                f"clips of {self.clips.length} are shorter than the {self.encoder.window} that one "
                "step of the encoder sees; expected at least as many"
            )
        self.rates.check(self.classifier)
        self._check_start()
        self._check_cache()
        if self.coherence is not None:
            self.coherence.check(
                self.encoder, flow=self.reading.flow, rates=self.rates, training=self.training
            )
        if self.second is not None:
            self._check_second(self.second)

    def _check_compiled(self) -> None:
        check_compiler(self.training, choose_device(self.device))
        for name in ("coherence", "second"):
            if self.training.compiled and getattr(self, name) is not None:
                raise InputError(
                    f"compiled is true but {name} is given; expected one of them to be unset"
                )
        if self.training.compiled and self.crop is not None and cuts_input(self.encoder):
            raise InputError(
                "compiled is true but crops are cut between the stacks of flow and the network; "
                "expected compiled to be false, or no crop"
            )

    def _check_start(self) -> None:
        """Check that a pretrained LSTM of the head reads vectors of frames scaled as before."""
        start = self.head.construction.get("start")
        if start is not None:
            earlier = within(load_encoder(start), FrameEncoder)
            check_same_input(
                earlier,
                within(self.encoder, FrameEncoder),
                called=f"the network below the LSTM in start {str(start)!r}",
            )

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

    def _check_second(self, second: SecondData) -> None:
        if self.coherence is not None:
            raise InputError("both second and coherence are given; expected one of them to be null")
        second.check(self.encoder, self.rates)
        try:
            self.of_second(size=self.reading.size)
        except InputError as error:
            raise InputError(f"of second: {error}") from error

    @property
    def clips_per_video(self) -> int:
        """Number of training clips that are cut from one opened video."""
        return int(getattr(self.clips, "clips", 1))

    @property
    def classifier(self) -> Classifier:
        """The encoder with its head, or with its two heads."""
        if self.second_head is None:
            return Classifier(self.encoder, self.head)
        return TwoHeads(self.encoder, self.head, self.second_head)

    @property
    def feature_folder(self) -> Path:
        """The folder for the features of a frozen encoder, if they are kept."""
        folder: Path = RunFolder(self.out).features
        return folder if self.cache_folder is None else Path(self.cache_folder)

    def of_second(self, *, size: tuple[int, int] | None) -> FinetuneSettings:
        """Return the settings for the second data set as if it were the only one.

        Args:
            size: H and W of its frames.
        """
        second, head = self.second, self.second_head
        assert second is not None
        assert head is not None
        batch = self.training.batch if second.batch is None else second.batch
        flow = second.flow or self.reading.flow
        return dataclasses.replace(
            self,
            data=second.data,
            label=second.label,
            head=head,
            reading=dataclasses.replace(self.reading, flow=flow, size=size),
            training=dataclasses.replace(self.training, batch=batch),
            rates=UNIFORM,
            second=None,
            second_head=None,
            # With the same seed, two data sets of the same length would be shuffled alike.
            seed=self.seed + 1,
        )

    def recipe(self) -> dict[str, Any]:
        """Return the arguments as plain data that `finetune --config` reads."""
        plain: dict[str, Any] = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        plain |= plain.pop("reading").recipe()
        plain["training"] = dataclasses.asdict(self.training)
        plain["rates"] = dict(self.rates.factors)
        described: dict[str, Any] = describe(plain)
        for name in ("coherence", "second"):
            if described[name] is not None:
                described[name] = described[name]["init_args"]
        del described["second_head"]  # it is of the same class as the first
        for argument in ("widths", "classes"):  # these follow from the encoder and the labels
            del described["head"]["init_args"][argument]
        return described
