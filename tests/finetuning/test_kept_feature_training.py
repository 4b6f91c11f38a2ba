from pathlib import Path

import pytest
import torch

from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import EvenClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import Row
from selfvid.errors import InputError
from selfvid.features.store import FeatureStore, joined, tensors_of
from selfvid.finetuning.kept_features.folder import VideoFeatures
from selfvid.finetuning.kept_features.train import KeptFeatureSource
from selfvid.training.batches import BatchStream
from selfvid.types import Features
from tests.heads.features import features

CPU = torch.device("cpu")
DRAWS, PER_DRAW = 3, 2


@pytest.fixture
def videos(digits_manifest: Path) -> ClipDataset:
    rows = Manifest.read(digits_manifest).usable.select(range(6))
    classes = Manifest.read(digits_manifest).classes("direction")
    sampling = EvenClips(frames=4, clips=PER_DRAW)
    return ClipDataset(rows, sampling, size=(32, 32), label="direction", classes=classes)


@pytest.fixture
def stream(videos: ClipDataset) -> BatchStream:
    return BatchStream(len(videos), per_batch=3, total=10, seed=4)


@pytest.fixture
def source(videos: ClipDataset, tmp_path: Path) -> KeptFeatureSource:
    """Features that say which video, draw and clip they are of."""
    kept = VideoFeatures(FeatureStore(tmp_path / "kept"), ("clip",), DRAWS)
    for place, row in enumerate(videos.manifest.rows):
        clips = [[place, draw, clip] for draw in range(DRAWS) for clip in range(PER_DRAW)]
        kept.write(row, Features(torch.tensor(clips, dtype=torch.float32)))
    return KeptFeatureSource(videos, kept)


def test_a_batch_has_the_draw_of_its_epoch_of_the_videos_of_its_keys(
    videos: ClipDataset, source: KeptFeatureSource, stream: BatchStream
) -> None:
    assert videos.labels is not None
    for number, batch in enumerate(source.batches(stream, CPU)):
        wanted = [
            [key.index, key.epoch % DRAWS, clip]
            for key in stream.batch(number)
            for clip in range(PER_DRAW)
        ]
        assert batch.features.clip.tolist() == wanted
        assert batch.labels.tolist() == [videos.labels[place] for place, _, _ in wanted]
        assert len(batch) == len(wanted)
    assert number == 9


def test_every_draw_of_every_video_comes_as_often_as_another(
    source: KeptFeatureSource, stream: BatchStream
) -> None:
    stream.total = DRAWS * 6 // 3  # as many epochs as draws
    seen = [tuple(one) for b in source.batches(stream, CPU) for one in b.features.clip.tolist()]
    assert len(seen) == len(set(seen)) == 6 * DRAWS * PER_DRAW


def test_batches_go_on_where_the_stream_stands(
    source: KeptFeatureSource, stream: BatchStream
) -> None:
    whole = [batch.features.clip for batch in source.batches(stream, CPU)]
    stream.done = 7
    rest = [batch.features.clip for batch in source.batches(stream, CPU)]
    assert len(rest) == 3
    assert all(torch.equal(one, other) for one, other in zip(whole[7:], rest, strict=True))


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
    kept = VideoFeatures(FeatureStore(tmp_path), tuple(tensors_of(part)))
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
    kept = VideoFeatures(FeatureStore(tmp_path), ("clip",))
    kept.write(row, Features(torch.zeros(2, 3)))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(InputError, match="expected them whole") as raised:
        kept.read(row)
    assert "\n" not in str(raised.value)


def test_features_stay_in_their_folder_whatever_a_manifest_says(tmp_path: Path) -> None:
    kept = VideoFeatures(FeatureStore(tmp_path / "kept"), ("clip",))
    row = Row(path="a.mp4", video="../../escaped", start=1.0, end=2.0)
    kept.write(row, Features(torch.ones(1, 3)))
    assert [path.parent for path in tmp_path.rglob("*.safetensors")] == [tmp_path / "kept"]
    assert kept.holds(row)
    assert kept.read(row).clip.tolist() == [[1.0, 1.0, 1.0]]
