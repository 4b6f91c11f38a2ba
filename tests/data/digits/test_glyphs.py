from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from selfvid.data.digits.glyphs import load_glyphs, read_idx
from selfvid.errors import InputError

MNIST = Path(__file__).parents[3] / "../shared/data/mnist"


def idx(values: np.ndarray, magic: bytes | None = None) -> bytes:
    head = magic or bytes((0, 0, 8, values.ndim))
    return head + struct.pack(f">{values.ndim}I", *values.shape) + values.astype(np.uint8).tobytes()


@pytest.fixture
def mnist_like(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for prefix, count in (("train", 12), ("t10k", 5)):
        images = random.integers(0, 256, (count, 28, 28))
        (tmp_path / f"{prefix}-images-idx3-ubyte").write_bytes(idx(images))
        labels = gzip.compress(idx(np.arange(count) % 10))
        (tmp_path / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(labels)
    return tmp_path


def test_sklearn_parts_share_no_image_and_hold_all_of_them() -> None:
    parts = [load_glyphs("sklearn", split=split) for split in ("train", "test")]
    seen = [{image.numpy().tobytes() for image in part.images} for part in parts]
    assert not seen[0] & seen[1]
    assert len(seen[0]) + len(seen[1]) == 1797


def test_sklearn_parts_have_the_same_mixture_of_digits() -> None:
    train, test = (load_glyphs("sklearn", split=split) for split in ("train", "test"))
    shares = test.labels.bincount() / (train.labels.bincount() + test.labels.bincount())
    assert (shares - 0.3).abs().max() < 0.01


def test_enlarged_digits_are_the_small_ones_seen_closer() -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    glyphs = load_glyphs("sklearn", split="test")
    # Shrinking by averages over the area of each small pixel must find the digit again.
    area = torch.nn.functional.interpolate(
        glyphs.images[:, None].float()[..., 2:26, 2:26], size=10, mode="area"
    )[:, 0, 1:9, 1:9].flatten(1)
    originals = torch.from_numpy(digits.images).float().flatten(1)
    nearest = torch.cdist(area / 255 * 16, originals).argmin(1)
    assert torch.equal(torch.from_numpy(digits.target)[nearest], glyphs.labels)


def test_enlarged_digits_are_about_as_high_as_mnist_ones() -> None:
    images = load_glyphs("sklearn", split="train").images
    heights = (images.amax(2) > 64).sum(1).float()
    assert 17 <= heights.mean() <= 21
    assert images[:, :2].max() == images[:, -2:].max() == 0


def test_loading_twice_gives_the_same_glyphs() -> None:
    first, second = (load_glyphs("sklearn", split="train") for _ in range(2))
    assert torch.equal(first.images, second.images)


def test_idx_files_are_read_plain_and_compressed(mnist_like: Path) -> None:
    train, test = (load_glyphs(mnist_like, split=split) for split in ("train", "test"))
    assert train.labels.tolist() == [*range(10), 0, 1]
    assert test.labels.tolist() == [*range(5)]
    expected = np.random.default_rng(0).integers(0, 256, (12, 28, 28))
    assert np.array_equal(train.images.numpy(), expected)


@pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST is not beside the checkout")
def test_real_mnist_has_its_published_sizes() -> None:
    train, test = (load_glyphs(MNIST, split=split) for split in ("train", "test"))
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert test.labels.bincount().tolist()[:2] == [980, 1135]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing; expected idx magic 00000803"),
        (b"\x80\x04\x95 a pickle, say", "begins with 80049520; expected idx magic"),
        (idx(np.zeros((2, 28, 28)), magic=bytes((0, 0, 0x0D, 3))), "begins with 00000d03"),
        (bytes((0, 0, 8, 3, 0, 0)), "ends inside its header"),
        (idx(np.zeros((2, 28, 28)))[:-1], r"contains 1567 values; its header says \(2, 28, 28\)"),
        (idx(np.zeros((2, 28, 28))) + b"x", "contains more than 1568 values"),
        (bytes((0, 0, 8, 3)) + b"\xff" * 12, "has sizes"),
        (idx(np.zeros((0, 28, 28))), "has sizes"),
        (idx(np.zeros((12, 8, 8))), r"contains images of \(8, 8\); expected \(28, 28\)"),
        (idx(np.zeros((3, 28, 28))), "contains 12 labels; expected 3"),
    ],
)
def test_malformed_idx_is_refused_in_one_line(
    mnist_like: Path, content: bytes, message: str
) -> None:
    (mnist_like / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        load_glyphs(mnist_like, split="train")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [5, 30])
def test_broken_gzip_is_refused_in_one_line(tmp_path: Path, keep: int) -> None:
    broken = tmp_path / "train-labels-idx1-ubyte.gz"
    broken.write_bytes(gzip.compress(idx(np.arange(200)))[:keep])
    with pytest.raises(InputError, match="cannot be read"):
        read_idx(broken, dimensions=1)


def test_label_that_is_no_digit_is_refused(mnist_like: Path) -> None:
    (mnist_like / "train-labels-idx1-ubyte").write_bytes(idx(np.full(12, 10)))
    with pytest.raises(InputError, match="label 10; expected digits 0 to 9"):
        load_glyphs(mnist_like, split="train")


def test_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no MNIST file train-images-idx3-ubyte"):
        load_glyphs(tmp_path, split="train")
    with pytest.raises(InputError, match="neither 'sklearn' nor a folder"):
        load_glyphs(tmp_path / "missing", split="train")
