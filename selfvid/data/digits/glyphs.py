"""Images of single handwritten digits (glyphs), from scikit-learn or from MNIST's files."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate, pad

from selfvid.errors import InputError

Split = Literal["train", "test"]

SIDE = 28  # pixels, as in MNIST

_TEST_SHARE = 0.3  # of scikit-learn's digits, which have no test part of their own
_MNIST_PREFIX: dict[str, str] = {"train": "train", "test": "t10k"}
_MOST_GLYPHS = 1_000_000  # limit for the sizes in a file's header; MNIST has 60 000 images


@dataclass(frozen=True, repr=False)
class Glyphs:
    """Images of single digits, white on black.

    Attributes:
        images: uint8 (N, 28, 28).
        labels: the digits, int64 (N,), 0 to 9.
        split: the part of their source that the images belong to; no image is in both parts.
    """

    images: Tensor
    labels: Tensor
    split: Split

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != torch.uint8 or images.shape[1:] != (SIDE, SIDE) or not len(images):
            raise ValueError(f"images must be uint8 (N>=1, 28, 28), got {tuple(images.shape)}")
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            raise ValueError(f"labels must be int64 ({len(images)},), got {tuple(labels.shape)}")

    def __repr__(self) -> str:
        return f"Glyphs({len(self)} {self.split} images)"

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device | str) -> Glyphs:
        """Return the same glyphs with their tensors on `device`."""
        return Glyphs(self.images.to(device), self.labels.to(device), self.split)


def load_glyphs(source: Literal["sklearn"] | Path, *, split: Split) -> Glyphs:
    """Read one part of a set of digit images.

    Args:
        source: ``sklearn`` for the 1797 digits of scikit-learn, which are enlarged from 8 x 8
            pixels to the size of MNIST's and of which 30 % of each digit are the test part; or a
            folder with the four idx files of MNIST, plain or .gz, with MNIST's own two parts.
        split: ``train`` or ``test``.

    Raises:
        InputError: If the split is unknown, or a file is missing or malformed.
    """
    if split not in _MNIST_PREFIX:
        raise InputError(f"split is {split!r}; expected 'train' or 'test'")
    if source == "sklearn":
        return _sklearn_glyphs(split)
    return _mnist_glyphs(Path(source), split)


def _sklearn_glyphs(split: Split) -> Glyphs:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    train, test = train_test_split(
        np.arange(len(digits.target)),
        test_size=_TEST_SHARE,
        random_state=0,
        stratify=digits.target,
    )
    chosen = np.sort(train if split == "train" else test)
    return Glyphs(
        images=_as_large_as_mnist(torch.from_numpy(digits.images[chosen])),
        labels=torch.from_numpy(digits.target[chosen].astype(np.int64)),
        split=split,
    )


def _as_large_as_mnist(images: Tensor) -> Tensor:
    """Enlarge images (N, 8, 8) with values from 0 to 16 to uint8 (N, 28, 28).

    Digits are then 19 pixels high; those of MNIST are 20 pixels high. Strokes reach the border of
    the 8 x 8 pixels. A frame of one black pixel makes their ends round instead of cut off.
    """
    framed = pad(images[:, None] / 16, [1] * 4)  # (N, 1, 10, 10)
    enlarged = interpolate(framed, size=24, mode="bicubic", align_corners=False)
    return pad((enlarged[:, 0].clamp(0, 1) * 255).round().to(torch.uint8), [2] * 4)  # (N, 28, 28)


def _mnist_glyphs(folder: Path, split: Split) -> Glyphs:
    if not folder.is_dir():
        raise InputError(f"digits source {folder} is neither 'sklearn' nor a folder of MNIST files")
    image_file = _idx_file(folder, f"{_MNIST_PREFIX[split]}-images", dimensions=3)
    label_file = _idx_file(folder, f"{_MNIST_PREFIX[split]}-labels", dimensions=1)
    images = read_idx(image_file, dimensions=3)
    labels = read_idx(label_file, dimensions=1)
    if images.shape[1:] != (SIDE, SIDE):
        raise InputError(f"{image_file} contains images of {images.shape[1:]}; expected (28, 28)")
    if len(images) != len(labels):
        raise InputError(f"{label_file} contains {len(labels)} labels; expected {len(images)}")
    if labels.max() > 9:
        raise InputError(f"{label_file} contains label {labels.max()}; expected digits 0 to 9")
    return Glyphs(torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)), split)


def _idx_file(folder: Path, stem: str, *, dimensions: int) -> Path:
    # The files are distributed under two spellings, such as train-images-idx3-ubyte and
    # train-images.idx3-ubyte.
    names = [f"{stem}{mark}idx{dimensions}-ubyte{end}" for end in ("", ".gz") for mark in "-."]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"folder {folder} has no MNIST file {names[0]}, plain or .gz")


def read_idx(path: Path, *, dimensions: int) -> NDArray[np.uint8]:
    """Read an idx file of unsigned bytes, which is compressed if its suffix is .gz.

    Args:
        path: the file: two zero bytes, a type byte, the number of dimensions, each size as a
            big-endian 32-bit number, then the values.
        dimensions: number of dimensions that the file must have.

    Raises:
        InputError: If the file is not an idx file, is empty, or is shorter or longer than its
            header says.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            header = file.read(4 + 4 * dimensions)
            sizes = _idx_sizes(path, header, dimensions)
            # One byte more than the header says reveals a file that is too long.
            values = file.read(int(np.prod(sizes)) + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    if len(values) != np.prod(sizes):
        least = "more than " if len(values) > np.prod(sizes) else ""
        found = min(len(values), int(np.prod(sizes)))
        raise InputError(f"{path} contains {least}{found} values; its header says {sizes}")
    return np.frombuffer(values, np.uint8).reshape(sizes).copy()


def _idx_sizes(path: Path, header: bytes, dimensions: int) -> tuple[int, ...]:
    """Return the sizes in the header of an idx file, after checking it."""
    unsigned_bytes = 0x08
    magic = bytes((0, 0, unsigned_bytes, dimensions))
    if header[:4] != magic:
        found = header[:4].hex() or "nothing"
        raise InputError(f"{path} begins with {found}; expected idx magic {magic.hex()}")
    if len(header) < 4 + 4 * dimensions:
        raise InputError(f"{path} ends inside its header; expected {dimensions} sizes")
    sizes = tuple(int(size) for size in np.frombuffer(header, ">u4", offset=4))
    # Checked before the values are read, so that a malformed header cannot use up all memory.
    if not 1 <= sizes[0] <= _MOST_GLYPHS or any(not 1 <= size <= 1024 for size in sizes[1:]):
        raise InputError(f"{path} has sizes {sizes}; expected 1 to {_MOST_GLYPHS} small images")
    return sizes
