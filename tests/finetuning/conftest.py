import dataclasses
from pathlib import Path

import pytest

from selfvid.data.manifest.manifest import Manifest


@pytest.fixture(scope="session")
def split_manifest(digits_manifest: Path) -> Path:
    """Drifting digits with a split of their own."""
    return digits_manifest


@pytest.fixture(scope="session")
def unsplit_manifest(digits_manifest: Path) -> Path:
    """The same footage without a split."""
    whole = Manifest.read(digits_manifest)
    bare = Manifest(tuple(dataclasses.replace(row, split="") for row in whole.rows), whole.root)
    path = digits_manifest.with_name("unsplit.csv")
    bare.write(path)
    return path
