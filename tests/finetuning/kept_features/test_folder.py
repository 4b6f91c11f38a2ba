from pathlib import Path
from typing import Any

import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import RandomClips
from selfvid.data.manifest.rows import Row
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.features.store import FeatureStore, joined, tensors_of
from selfvid.finetuning.kept_features.folder import KeptClips
from selfvid.heads.gru_rcn import GRURCN
from selfvid.types import Features
from tests.finetuning.kept_features.runs import counting_reads, frozen
from tests.finetuning.tuned import (
    weights,
)
from tests.heads.features import features


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_kept_comes_back_to_the_bit(
    videos: ClipDataset, tmp_path: Path, dtype: torch.dtype
) -> None:
    whole = features()
    assert whole.maps is not None
    part = Features(
        clip=whole.clip.to(dtype),
        steps=whole.steps,
        maps=(whole.maps[0][:, :0], whole.maps[1].to(dtype)),
        window=2,
        stride=3,
    )
    row = videos.manifest.rows[0]
    kept = KeptClips(FeatureStore(tmp_path), tuple(tensors_of(part)))
    kept.write(row, part)
    again = kept.read(row)
    assert (again.window, again.stride) == (2, 3)
    assert again.maps is not None
    assert again.maps[0].shape[1] == 0
    assert set(tensors_of(again)) == {"clip", "steps", "maps.1"}
    for name, tensor in tensors_of(part).items():
        assert tensors_of(again)[name].dtype == tensor.dtype
        assert torch.equal(tensors_of(again)[name], tensor)


def test_features_are_joined_clip_by_clip() -> None:
    one, other = features(seed=1), features(seed=2)
    both = joined([one, other])
    for name, tensor in tensors_of(both).items():
        assert torch.equal(tensor, torch.cat((tensors_of(one)[name], tensors_of(other)[name])))


def test_a_damaged_file_is_named_in_one_line(videos: ClipDataset, tmp_path: Path) -> None:
    row = videos.manifest.rows[0]
    kept = KeptClips(FeatureStore(tmp_path), ("clip",))
    kept.write(row, Features(torch.zeros(2, 3)))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(InputError, match="expected them whole") as raised:
        kept.read(row)
    assert "\n" not in str(raised.value)


def test_features_stay_in_their_folder_whatever_a_manifest_says(tmp_path: Path) -> None:
    kept = KeptClips(FeatureStore(tmp_path / "kept"), ("clip",))
    row = Row(path="a.mp4", video="../../escaped", start=1.0, end=2.0)
    kept.write(row, Features(torch.ones(1, 3)))
    assert [path.parent for path in tmp_path.rglob("*.safetensors")] == [tmp_path / "kept"]
    assert kept.holds(row)
    assert kept.read(row).clip.tolist() == [[1.0, 1.0, 1.0]]


def test_a_head_that_reads_no_more_takes_what_another_has_kept(
    split_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"cache": 2, "cache_folder": tmp_path / "kept"}
    frozen(split_manifest, tmp_path / "first", **options, head=GRURCN)
    with counting_reads(monkeypatch) as places:
        frozen(split_manifest, tmp_path / "second", **options)
    assert places == []
    frozen(split_manifest, tmp_path / "alone", cache=2)
    again = weights(tmp_path / "alone")
    for name, value in weights(tmp_path / "second").items():
        assert torch.equal(again[name], value), name


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"encoder": FrameEncoder(SmallNet(channels=1, stages=(8, 8)))}, "encoder was"),
        ({"cache": 3}, "draws was 2, got 3"),
        ({"seed": 1}, "seed was 0, got 1"),
        ({"clips": RandomClips(frames=3)}, "clips was .RandomClips.frames=4"),
        ({"augment": Augmentation()}, "augment was None, got"),
        ({"head": GRURCN}, "lack maps.0, which this head reads"),
    ],
)
def test_features_of_something_else_are_refused_before_a_run_begins(
    split_manifest: Path, tmp_path: Path, options: dict[str, Any], complaint: str
) -> None:
    cache = {"cache": 2, "cache_folder": tmp_path / "kept"}
    frozen(split_manifest, tmp_path / "first", **cache)
    with pytest.raises(InputError, match=complaint) as raised:
        frozen(split_manifest, tmp_path / "second", **{**cache, **options})
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "second").exists()


def test_a_folder_of_other_things_is_left_alone(split_manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(InputError, match="holds other things than features"):
        frozen(split_manifest, tmp_path / "run", cache=1, cache_folder=tmp_path / "mine")
