"""The features of every variant: kept ones read, the others extracted in one pass."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import decoder_versions, resolve_decoder
from selfvid.encoders.base import fingerprint
from selfvid.errors import InputError
from selfvid.features.extract import Cut, EncoderView, VideoFeatures, extract
from selfvid.features.store import FeatureStore
from selfvid.probing.baselines.metadata import Baseline

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Gathered:
    """Features of the videos that could be read.

    Attributes:
        variants: float64 (N, D), one array per repeat (random seed), by name.
        read: which rows of the manifest those N are, as a mask.
        faults: one line for each video that could not be read.
        reused: how many of the arrays had been kept from an earlier probe.
    """

    variants: dict[str, tuple[Floats, ...]]
    read: NDArray[np.bool_]
    faults: tuple[str, ...]
    reused: int

    def only(self, read: NDArray[np.bool_], faults: tuple[str, ...]) -> Gathered:
        """Those videos that could be `read` elsewhere, too, (N,); `faults` are of the others."""
        return replace(
            self,
            variants={
                name: tuple(features[read] for features in some)
                for name, some in self.variants.items()
            },
            read=np.isin(np.arange(len(self.read)), np.flatnonzero(self.read)[read]),
            faults=(*self.faults, *faults),
        )


@dataclass(frozen=True)
class Extraction:
    """Where and how features are extracted.

    Attributes:
        folder: where they are kept.
        fresh: extract again what was kept.
        device: where encoders compute.
        workers: processes that decode.
        quiet: show no progress.
    """

    folder: Path
    fresh: bool
    device: torch.device
    workers: int
    quiet: bool


class ProbeFeatures:
    """Features of all videos for each encoder, view, manifest and way of cutting clips.

    A probe that is repeated finds them and decodes nothing.

    Args:
        folder: where the files lie.
        manifest: the videos, whose content ids and order are part of every key.
        cut: how they become vectors.
        device: kind of device that computed, since arithmetic differs in the last digits.
    """

    def __init__(self, folder: Path, manifest: Manifest, cut: Cut, *, device: str) -> None:
        self.store = FeatureStore(folder)
        rows = [f"{row.video} {row.start} {row.end}" for row in manifest.rows]
        decoder = resolve_decoder(cut.decoder)
        self._shared = {
            "videos": hashlib.sha256("\n".join(rows).encode()).hexdigest(),
            "count": len(rows),
            "sampling": repr(cut.sampling),
            "size": list(cut.size),
            "pool": str(cut.pool),
            "decoder": [decoder, decoder_versions()],
            "precision": cut.precision,
            "device": device,
        }

    def path(self, encoder_view: EncoderView) -> Path:
        """Where the features of `encoder_view` lie or would lie."""
        return self.store.path(self._name(encoder_view))

    def read(self, encoder_view: EncoderView) -> VideoFeatures | None:
        """The kept features; None where there are none or the file is damaged."""
        try:
            file = self.store.find(self._name(encoder_view), key=self._key(encoder_view))
            if file is None:
                return None
            faults = tuple(json.loads(file.about["faults"]))
            return VideoFeatures(file.read()["vectors"].numpy(), faults)
        except (InputError, KeyError, ValueError):
            return None

    def write(self, encoder_view: EncoderView, features: VideoFeatures) -> Path:
        """Keep features, whole or not at all."""
        vectors = torch.from_numpy(np.ascontiguousarray(features.vectors))
        about = {"faults": json.dumps(list(features.faults))}
        return self.store.write(
            self._name(encoder_view), {"vectors": vectors}, key=self._key(encoder_view), about=about
        )

    def _name(self, encoder_view: EncoderView) -> str:
        return hashlib.sha256(self._key(encoder_view).encode()).hexdigest()[:20]

    def _key(self, encoder_view: EncoderView) -> str:
        own = {"encoder": fingerprint(encoder_view.encoder), "view": encoder_view.view}
        return json.dumps(self._shared | own, sort_keys=True)


def gather(
    encoder_views: Mapping[str, Sequence[EncoderView]],
    manifest: Manifest,
    cut: Cut,
    how: Extraction,
) -> Gathered:
    """The features of every encoder view of every video.

    Args:
        encoder_views: the repeats of every variant, by name.
        manifest: the videos.
        cut: how they become vectors.
        how: where and how that is done.

    Raises:
        InputError: where no video can be read.
    """
    each = {
        (name, n): encoder_view
        for name, some in encoder_views.items()
        for n, encoder_view in enumerate(some)
    }
    store = ProbeFeatures(how.folder, manifest, cut, device=how.device.type)
    kept = (
        {} if how.fresh else {key: store.read(encoder_view) for key, encoder_view in each.items()}
    )
    found = {key: features for key, features in kept.items() if features is not None}
    missing = {key: encoder_view for key, encoder_view in each.items() if key not in found}
    reused = len(found)
    if missing:
        named = {f"{name} {n}": encoder_view for (name, n), encoder_view in missing.items()}
        made = extract(
            named, manifest, cut, device=how.device, workers=how.workers, quiet=how.quiet
        )
        for (name, n), encoder_view in missing.items():
            found[name, n] = made[f"{name} {n}"]
            store.write(encoder_view, found[name, n])
    # A video that failed in one pass may have been read in an earlier one.
    read = np.logical_and.reduce([features.read for features in found.values()])
    faults = dict.fromkeys(fault for features in found.values() for fault in features.faults)
    return Gathered(
        variants={
            name: tuple(found[name, n].vectors[read] for n in range(len(some)))
            for name, some in encoder_views.items()
        },
        read=read,
        faults=tuple(faults),
        reused=reused,
    )


def baseline_features(
    baselines: Sequence[Baseline], manifest: Manifest
) -> dict[str, tuple[Floats, ...]]:
    """The features of every baseline, by its name.

    Raises:
        InputError: where a baseline does not give every video finite numbers.
    """
    made: dict[str, tuple[Floats, ...]] = {}
    for baseline in baselines:
        features = np.asarray(baseline.features(manifest), dtype=np.float64)
        if features.ndim != 2 or len(features) != len(manifest) or not np.isfinite(features).all():
            raise InputError(
                f"baseline {baseline.name!r} gives features {features.shape}; "
                f"expected finite ones, ({len(manifest)}, D)"
            )
        made[baseline.name] = (features,)
    return made
