"""Images that are indexed as videos: each by itself, or a folder of them as one video."""

from pathlib import Path

import numpy as np
from PIL import Image

from selfvid.data.indexing.command import index
from selfvid.data.manifest.manifest import Manifest


def turntable(
    folder: Path, *, objects: int = 2, views: int = 3, suffix: str = ".png"
) -> list[Path]:
    """Write images of noise, in one folder per object."""
    rng = np.random.default_rng(0)
    images = []
    for number in range(objects):
        (folder / f"object{number}").mkdir(parents=True)
        for view in range(views):
            images.append(folder / f"object{number}" / f"{view}{suffix}")
            Image.fromarray(rng.integers(0, 256, (12, 10), dtype=np.uint8)).save(images[-1])
    return images


def indexed_stills(images: list[Path], manifest: Path) -> Manifest:
    """Index each image as a video labelled by its folder; the first two per folder are training."""
    table = manifest.with_name("stills.csv")
    lines = [
        f"{image},{image.parent.name},{'train' if int(image.stem) < 2 else 'test'}\n"
        for image in images
    ]
    table.write_text("path,label,split\n" + "".join(lines))
    return index(table, out=manifest, near_duplicates=False, workers=1, quiet=True)
