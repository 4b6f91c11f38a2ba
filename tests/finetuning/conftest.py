import dataclasses
from pathlib import Path

import pytest

from selfvid.data.digits.files import write_footage
from selfvid.data.indexing.command import index
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


SIDES = {"left": "left", "down_left": "left", "up_left": "left"}


def with_sides(manifest: Manifest, path: Path, *, split: bool = True) -> Path:
    """The same footage with a column of two classes: to the left, or not."""
    rows = [
        dataclasses.replace(
            row,
            split=row.split if split else "",
            columns=row.columns | {"side": SIDES.get(row.columns["direction"], "other")},
        )
        for row in manifest.rows
    ]
    Manifest(tuple(rows), manifest.root).write(path)
    return path


@pytest.fixture(scope="session")
def other_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other drifting digits, with a split and the column side."""
    folder = tmp_path_factory.mktemp("others")
    table = write_footage(folder / "videos", videos=24, frames=8, size=32, seed=2)
    found = index(table, out=folder / "all.csv", quiet=True, workers=1)
    return with_sides(found, folder / "others.csv")


@pytest.fixture(scope="session")
def same_footage(digits_manifest: Path) -> Path:
    """The first data set's own videos, with the column side and no split."""
    whole = Manifest.read(digits_manifest)
    return with_sides(whole, digits_manifest.with_name("sides.csv"), split=False)
