from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from selfvid.errors import InputError
from selfvid.features.store import (
    FeatureFile,
    FeatureStore,
    features_of,
    joined,
    tensors_of,
)
from selfvid.types import Features


def test_blocks_are_written_as_one_tensor_and_read_in_parts(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = torch.randn(10, 7)
    others = {"times": rng.normal(size=(10, 4)), "spans": rng.normal(size=(10, 2))}
    store = FeatureStore(tmp_path / "kept")
    path = store.write_blocks(
        "video",
        vectors.split((3, 6, 1)),
        tensor="vectors",
        shape=(10, 7),
        others=others,
        key="\u00b5",
    )
    plain = load_file(path)  # the library's own reading of the whole file
    np.testing.assert_array_equal(plain["vectors"], vectors.numpy())
    for name, array in others.items():
        np.testing.assert_array_equal(plain[name], array)
    found = FeatureFile(path)
    assert found.shapes == {"vectors": (10, 7), "times": (10, 4), "spans": (10, 2)}
    assert found.key == "\u00b5"
    assert torch.equal(found.read(("vectors",), rows=slice(4, 9))["vectors"], vectors[4:9])


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    with pytest.raises(ValueError, match="2 rows were written, expected 3"):
        store.write_blocks("video", [torch.zeros(2, 5)], tensor="vectors", shape=(3, 5), others={})
    assert not list(tmp_path.iterdir())


def test_features_of_another_key_or_damaged_ones_count_as_missing(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    assert store.find("video", key="a") is None
    path = store.write("video", {"clip": torch.ones(2, 3)}, key="a", about={"window": "2"})
    found = store.find("video", key="a")
    assert found is not None
    assert found.about == {"window": "2"}
    assert torch.equal(found.read()["clip"], torch.ones(2, 3))
    assert store.find("video", key="b") is None
    path.write_bytes(path.read_bytes()[:-4])
    assert store.find("video", key="a") is None
    with pytest.raises(InputError, match="holds no features"):
        FeatureFile(path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_tensors_come_back_in_their_own_format(tmp_path: Path, dtype: torch.dtype) -> None:
    tensor = torch.randn(4, 3).to(dtype)
    FeatureStore(tmp_path).write("video", {"clip": tensor})
    found = FeatureStore(tmp_path).find("video")
    assert found is not None
    again = found.read()["clip"]
    assert again.dtype == dtype
    assert torch.equal(again, tensor)


def _features(clips: int, *, maps: int = 2) -> Features:
    generator = torch.Generator().manual_seed(clips)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return Features(
        clip=drawn(clips, 4),
        steps=drawn(clips, 3, 4),
        window=5,
        stride=2,
        maps=tuple(drawn(clips, 3, 2, 6 - level, 6 - level) for level in range(maps)) or None,
    )


def test_features_come_back_from_their_tensors() -> None:
    features = _features(2)
    tensors = tensors_of(features)
    assert set(tensors) == {"clip", "steps", "maps.0", "maps.1"}
    again = features_of(tensors, window=5, stride=2)
    assert again.flow is None
    assert (again.window, again.stride) == (5, 2)
    for name, tensor in tensors_of(again).items():
        assert torch.equal(tensor, tensors[name])


def test_a_missing_level_of_maps_has_no_steps() -> None:
    tensors = tensors_of(_features(2))
    del tensors["maps.0"]
    again = features_of(tensors, window=5, stride=2)
    assert again.maps is not None
    assert again.maps[0].shape == (2, 0, 0, 0, 0)
    assert torch.equal(again.maps[1], tensors["maps.1"])
    assert set(tensors_of(again)) == set(tensors)


def test_joined_features_are_those_of_all_clips_in_order() -> None:
    parts = [_features(clips, maps=1) for clips in (1, 3)]
    both = joined(parts)
    for first, part in zip((0, 1), parts, strict=True):
        clips = slice(first, first + len(part.clip))
        for name, tensor in tensors_of(both.of(clips)).items():
            assert torch.equal(tensor, tensors_of(part)[name])
    assert (both.window, both.stride) == (5, 2)
