from pathlib import Path

import pytest

from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import EvenClips
from selfvid.data.manifest.manifest import Manifest
from tests.finetuning.kept_features.runs import PER_DRAW


@pytest.fixture
def videos(digits_manifest: Path) -> ClipDataset:
    rows = Manifest.read(digits_manifest).usable.select(range(6))
    classes = Manifest.read(digits_manifest).classes("direction")
    sampling = EvenClips(frames=4, clips=PER_DRAW)
    return ClipDataset(rows, sampling, size=(32, 32), label="direction", classes=classes)
