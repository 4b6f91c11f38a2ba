"""The features of all variants of a probe: kept ones are read, the others extracted in one pass."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from selfvid.data.manifest.identity import differences
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import decoder_versions, resolve_decoder
from selfvid.encoders.base import fingerprint
from selfvid.errors import InputError
from selfvid.features.extract import Cut, EncoderView, VideoFeatures, extract
from selfvid.features.store import FeatureStore
from selfvid.probing.baselines.base import Baseline

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Extraction:
    """Where and how features are extracted.

    Attributes:
        folder: folder where the features are kept.
        fresh: extract features again even if they are kept.
        device: device of the encoders.
        workers: number of decoding processes.
        quiet: show no progress bar.
    """

    folder: Path
    fresh: bool
    device: torch.device
    workers: int
    quiet: bool


@dataclass(frozen=True, eq=False)
class Gathered:
    """The features of the videos that could be read.

    Attributes:
        variants: float64 (N, D), one array per repeat (random seed), by name.
        read: whether each row of the manifest could be read; N of them are True.
        faults: one line for each video that could not be read.
        reused: how many of the arrays were kept from an earlier probe.
    """

    variants: dict[str, tuple[Floats, ...]]
    read: NDArray[np.bool_]
    faults: tuple[str, ...]
    reused: int

    def only(self, read: NDArray[np.bool_], faults: tuple[str, ...]) -> Gathered:
        """Return the features without the videos that another reader could not read.

        Args:
            read: whether the other reader could read each of the N videos, (N,).
            faults: one line for each video that it could not read.
        """
        return replace(
            self,
            variants={
                name: tuple(features[read] for features in repeats)
                for name, repeats in self.variants.items()
            },
            read=np.isin(np.arange(len(self.read)), np.flatnonzero(self.read)[read]),
            faults=(*self.faults, *faults),
        )


class ProbeFeatures:
    """Features of all videos that are kept for each encoder, view, manifest and cut of clips.

    A repeated probe finds them and decodes nothing.

    Args:
        folder: folder of the files.
        manifest: the videos; their content ids and order are part of every key, and how their
            files differ from it.
        cut: how the videos become vectors.
        device: type of the device that computes, because the last digits depend on it.
    """

    def __init__(self, folder: Path, manifest: Manifest, cut: Cut, *, device: str) -> None:
        self.store = FeatureStore(folder)
        rows = [
            f"{row.video} {row.start} {row.end} {difference}"
            for row, difference in zip(manifest.rows, differences(manifest), strict=True)
        ]
        decoder = resolve_decoder(cut.decoder)
        self._shared: dict[str, Any] = {
            "videos": hashlib.sha256("\n".join(rows).encode()).hexdigest(),
            "count": len(rows),
            "sampling": repr(cut.sampling),
            "size": list(cut.size),
            "pool": str(cut.pool),
            "decoder": [decoder, decoder_versions()],
            "precision": cut.precision,
            "device": device,
        }
        if cut.flow is not None:
            self._shared["flow"] = cut.flow.key(manifest)

    def path(self, encoder_view: EncoderView) -> Path:
        """Return the path of the features of `encoder_view`, whether they exist or not."""
        return self.store.path(_name(self._key(encoder_view)))

    def read(self, encoder_view: EncoderView) -> VideoFeatures | None:
        """Return the kept features; None if there are none or the file is damaged."""
        key = self._key(encoder_view)
        try:
            file = self.store.find(_name(key), key=key)
            if file is None:
                return None
            faults = tuple(json.loads(file.about["faults"]))
            return VideoFeatures(file.read()["vectors"].numpy(), faults)
        except (InputError, KeyError, ValueError):
            return None

    def write(self, encoder_view: EncoderView, features: VideoFeatures) -> Path:
        """Write features for later probes; a partial file is never left."""
        key = self._key(encoder_view)
        vectors = torch.from_numpy(np.ascontiguousarray(features.vectors))
        about = {"faults": json.dumps(list(features.faults))}
        return self.store.write(_name(key), {"vectors": vectors}, key=key, about=about)

    def _key(self, encoder_view: EncoderView) -> str:
        own = {"encoder": fingerprint(encoder_view.encoder), "view": encoder_view.view}
        return json.dumps(self._shared | own, sort_keys=True)


def gather(
    encoder_views: Mapping[str, Sequence[EncoderView]],
    manifest: Manifest,
    cut: Cut,
    how: Extraction,
) -> Gathered:
    """Return the features of every video for every encoder view.

    Args:
        encoder_views: the repeats of every variant, by name.
        manifest: the videos.
        cut: how the videos become vectors.
        how: where and how features are extracted.

    Raises:
        InputError: If no video can be read.
    """
    views = {
        (name, n): view for name, repeats in encoder_views.items() for n, view in enumerate(repeats)
    }
    store = ProbeFeatures(how.folder, manifest, cut, device=how.device.type)
    kept = {} if how.fresh else {key: store.read(view) for key, view in views.items()}
    found = {key: features for key, features in kept.items() if features is not None}
    missing = {key: view for key, view in views.items() if key not in found}
    reused = len(found)
    if missing:
        # Encoders of several folds often began with the same weights: these are run once.
        places = {key: store.path(view).name for key, view in missing.items()}
        different = {places[key]: view for key, view in missing.items()}
        made = extract(
            different, manifest, cut, device=how.device, workers=how.workers, quiet=how.quiet
        )
        for place, view in different.items():
            store.write(view, made[place])
        found |= {key: made[place] for key, place in places.items()}
    # A video that could not be read in this pass may have been read in an earlier one.
    read = np.logical_and.reduce([features.read for features in found.values()])
    faults = dict.fromkeys(fault for features in found.values() for fault in features.faults)
    return Gathered(
        variants={
            name: tuple(found[name, n].vectors[read] for n in range(len(repeats)))
            for name, repeats in encoder_views.items()
        },
        read=read,
        faults=tuple(faults),
        reused=reused,
    )


def side_by_side(parts: Sequence[Gathered]) -> Gathered:
    """Return the features of several encoders as those of one: their vectors side by side.

    Videos that one of them could not read are left out for all.

    Args:
        parts: the features of each encoder, with the same variants of as many repeats.
    """
    read = np.logical_and.reduce([part.read for part in parts])
    common = [part.only(read[part.read], ()) for part in parts]
    return Gathered(
        variants={
            name: tuple(
                np.concatenate([part.variants[name][n] for part in common], axis=1)  # (N, D)
                for n in range(len(repeats))
            )
            for name, repeats in common[0].variants.items()
        },
        read=read,
        faults=tuple(dict.fromkeys(fault for part in parts for fault in part.faults)),
        reused=sum(part.reused for part in parts),
    )


def baseline_features(
    baselines: Sequence[Baseline], manifest: Manifest
) -> dict[str, tuple[Floats, ...]]:
    """Return the features of every baseline, by its name.

    Raises:
        InputError: If a baseline does not give finite features of every video.
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


def _name(key: str) -> str:
    """Return a file name for a key, which is too long for one."""
    return hashlib.sha256(key.encode()).hexdigest()[:20]
