"""Features on disk, so that a probe that is repeated decodes nothing."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np

from selfvid.data.video.decode import decoder_versions, resolve_decoder
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.fingerprint import fingerprint
from selfvid.features.extract import Cut, Look, VideoFeatures
from selfvid.saving.whole import replacing


class FeatureStore:
    """One file for each encoder, view, manifest and way of cutting clips.

    Args:
        folder: where the files lie.
        manifest: the videos, whose content ids and order are part of every key.
        cut: how they become vectors.
        device: kind of device that computed, since arithmetic differs in the last digits.
    """

    def __init__(self, folder: Path, manifest: Manifest, cut: Cut, *, device: str) -> None:
        self.folder = folder
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

    def path(self, look: Look) -> Path:
        """Where the features of `look` lie or would lie."""
        digest = hashlib.sha256(self._key(look).encode()).hexdigest()
        return self.folder / f"{digest[:20]}.npz"

    def read(self, look: Look) -> VideoFeatures | None:
        """The kept features; None where there are none or the file is damaged."""
        try:
            # Opened here, for numpy leaves a damaged file open.
            with (
                self.path(look).open("rb") as file,
                np.load(file, allow_pickle=False) as kept,
            ):
                if kept["key"].item() != self._key(look):
                    return None
                return VideoFeatures(kept["vectors"], tuple(kept["faults"].tolist()))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def write(self, look: Look, features: VideoFeatures) -> Path:
        """Keep features, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.path(look)
        with replacing(path) as draft:
            np.savez(
                draft,
                key=np.array(self._key(look)),
                vectors=features.vectors,
                faults=np.array(features.faults, dtype=np.str_),
            )
        return path

    def _key(self, look: Look) -> str:
        own = {"encoder": fingerprint(look.encoder), "view": look.view}
        return json.dumps(self._shared | own, sort_keys=True)
