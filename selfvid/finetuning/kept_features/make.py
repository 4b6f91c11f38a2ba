"""Computing the features of all videos of a run once, with its frozen encoder."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from selfvid.compute import autocast, choose_device, resolve_precision
from selfvid.data.clips.dataset import ClipDataset, ClipKey
from selfvid.data.clips.loader import clip_loader
from selfvid.data.flow.origin import FlowReading, open_flow
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import Row
from selfvid.data.video.decode import resolve_decoder
from selfvid.encoders.base import Encoder, fingerprint
from selfvid.encoders.crops import Cut, cuts_input, on_crops
from selfvid.errors import InputError
from selfvid.features.store import joined, tensors_of
from selfvid.finetuning.clips import check_frames, labelled_clips
from selfvid.finetuning.kept_features.folder import KeptClips, KeptFeatures
from selfvid.finetuning.settings import FinetuneSettings
from selfvid.saving.recorded import describe
from selfvid.saving.whole import format_bytes, require_disk_space
from selfvid.types import Features

_BATCH = 16  # clips per forward pass: enough to be fast, little memory


@dataclass(frozen=True)
class _Part:
    """Videos whose features are wanted, and how their clips are made.

    Attributes:
        name: name of the part, for messages.
        kept: the features of the videos.
        dataset: the clips of the videos.
        encode: maps decoded clips (B, T, C, H, W) and the index of their video to features.
        views: number of crops of a clip that `encode` encodes.
    """

    name: str
    kept: KeptClips
    dataset: ClipDataset
    encode: Callable[[Tensor, int], Features]
    views: int = 1

    @cached_property
    def missing(self) -> list[int]:
        """Indices of the videos whose features are not kept yet."""
        rows = self.dataset.manifest.rows
        return [place for place, row in enumerate(rows) if not self.kept.holds(row)]

    @property
    def clips(self) -> int:
        """Number of clips that are still to be encoded."""
        rows = [self.dataset.manifest.rows[place] for place in self.missing]
        return self.views * self.kept.draws * sum(self._cut_from(row) for row in rows)

    def _cut_from(self, row: Row) -> int:
        """Return the number of clips that are cut from a video in one draw."""
        sampling = self.dataset.sampling
        count = len(sampling.choose(self.dataset.timeline(row), np.random.default_rng(0)))
        if row.frames and not count:
            raise InputError(
                f"{row.path} gives no clip of {sampling.length} frames with {sampling}; a cache "
                "keeps clips of every video, expected short to be repeat_last or loop"
            )
        return max(1, count)


class FeatureMaker:
    """Computes the features of all videos of a run with its frozen encoder, and keeps them.

    Args:
        settings: the settings of the run, with a frozen encoder and a number of kept clips.
        train: the training videos of all folds.
        test: the videos of all tests.
        classes: names of the K classes.
        quiet: whether to print nothing.
    """

    def __init__(
        self,
        settings: FinetuneSettings,
        *,
        train: Manifest,
        test: Manifest,
        classes: tuple[str, ...],
        quiet: bool,
    ) -> None:
        self.settings, self.quiet = settings, quiet
        self.train = labelled_clips(settings, train, classes, testing=False)
        self.test = labelled_clips(settings, test, classes, testing=True)
        self.device = choose_device(settings.device)
        # A copy, so that the encoder that training starts from stays on its device.
        self.encoder: Encoder = copy.deepcopy(settings.encoder).to(self.device).eval()

    @cached_property
    def opened(self) -> KeptFeatures:
        """The folder of features as it is now.

        Raises:
            InputError: If the folder has other features, or other files.
        """
        settings = self.settings
        check_frames(settings, self.train)
        assert settings.cache is not None
        names = tuple(tensors_of(self._features_of_nothing(self.train)))
        return KeptFeatures.open(
            settings.feature_folder, self._about(), names=names, draws=settings.cache
        )

    @cached_property
    def filled(self) -> KeptFeatures:
        """The folder with the features of all videos; only missing ones are computed.

        Raises:
            InputError: If there is too little disk space for them, or a video cannot be read.
        """
        kept, crop = self.opened, self.settings.crop
        crops = 1 if crop is None else crop.count
        parts = [
            _Part("training clips", kept.training, self.train, self._encode_training),
            _Part("test views", kept.views, self.test, self._encode_views, crops),
        ]
        self._announce(parts)
        for part in parts:
            self._fill(part)
        return kept

    def _fill(self, part: _Part) -> None:
        draws = range(part.kept.draws)
        batches = [[ClipKey(draw, place) for draw in draws] for place in part.missing]
        loader = clip_loader(part.dataset, batches=batches, workers=self.settings.reading.processes)
        shown = tqdm(
            loader, f"features of {part.name}", len(batches), unit="video", disable=self.quiet
        )
        for place, decoded in zip(part.missing, shown, strict=True):
            features = part.encode(decoded.to(self.device).clip(), place)
            part.kept.write(part.dataset.manifest.rows[place], features)

    @torch.no_grad()
    def _features(self, clips: Tensor, cut: Cut | None = None, *, views: int = 1) -> Features:
        """Return the features of clips (B, T, C, H, W), without those that the head never reads."""
        parts = clips.split(max(1, _BATCH // views))
        with autocast(self.settings.precision, self.device):
            found = [on_crops(self.encoder, part, cut) for part in parts]
            return joined([self.settings.head.reads(features) for features in found])

    def _features_of_nothing(self, dataset: ClipDataset) -> Features:
        """Return the features of one empty clip; those of all other clips have the same sizes."""
        size = dataset.size if self.settings.crop is None else self.settings.crop.size
        shape = (1, dataset.sampling.length, self.encoder.in_channels, *size)
        return self._features(torch.zeros(shape, device=self.device))

    def _encode_training(self, clips: Tensor, place: int) -> Features:
        """Augment, crop and encode clips; what is random follows from seed and place alone."""
        seed = np.random.SeedSequence((self.settings.seed, place)).generate_state(1, np.uint64)[0]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(seed) & (2**63 - 1))
            if self.settings.augment is not None:
                clips = self.settings.augment(clips)
            return self._features(clips, self.settings.crop)

    def _encode_views(self, clips: Tensor, place: int) -> Features:
        """Encode the views of test clips; the views of one clip follow one another."""
        del place
        crop = self.settings.crop
        if crop is None:
            return self._features(clips)
        return self._features(clips, crop.views, views=crop.count)

    def _about(self) -> dict[str, Any]:
        """Return everything that the values of the features depend on, as plain data."""
        settings = self.settings
        return {
            "encoder": fingerprint(settings.encoder),
            "clips": repr(settings.clips),
            "views": repr(settings.views),
            "size": list(self.train.size),
            "flow": self._flow_hash(),
            # Clips and augmentation are drawn by a video's place.
            "training videos": self.train.manifest.reading_hash(),
            "decoder": resolve_decoder(settings.reading.decoder),
            "crop": describe(settings.crop),
            # Former versions cut crops from the clips of every encoder, and had no such entry.
            **({"cut": "input"} if settings.crop and cuts_input(settings.encoder) else {}),
            "augment": describe(settings.augment),
            "seed": settings.seed,
            "precision": resolve_precision(settings.precision, device=self.device),
            "device": self.device.type,
        }

    def _flow_hash(self) -> list[dict[str, Any]] | None:
        """Return what the flow of the training and the test videos depends on; None for pixels."""
        flow = self.settings.reading.flow
        if flow is None:
            return None
        reading = FlowReading(open_flow(flow))
        return [reading.key(each.manifest) for each in (self.train, self.test)]

    def _announce(self, parts: Sequence[_Part]) -> None:
        """Print how much disk space the features need; raise an InputError if there is less."""
        counts = [part.clips for part in parts]
        sizes = [_bytes(self._features_of_nothing(part.dataset)) for part in parts]
        needed = sum(count * size for count, size in zip(counts, sizes, strict=True))
        folder = self.settings.feature_folder
        free = require_disk_space(
            needed, folder, what="features", expected="a smaller cache, or another cache_folder"
        )
        if needed and not self.quiet:
            clips = " and ".join(
                f"{count:,} {part.name}" for count, part in zip(counts, parts, strict=True)
            )
            size = f"about {format_bytes(needed)} in {folder} ({format_bytes(free)} free)"
            print(f"features of {clips}: {size}")


def _bytes(features: Features) -> int:
    return sum(each.numel() * each.element_size() for each in tensors_of(features).values())
