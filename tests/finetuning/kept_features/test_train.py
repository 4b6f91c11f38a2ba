from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfvid.data.clips.crops import Crop
from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import EvenClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.features.store import FeatureStore
from selfvid.finetuning.classifier import load_classifier
from selfvid.finetuning.kept_features.folder import KeptClips
from selfvid.finetuning.kept_features.train import KeptFeatureSource
from selfvid.heads.base import HeadFactory
from selfvid.heads.lrcn import LRCN
from selfvid.results.scores import Scores
from selfvid.training.batches import BatchStream
from selfvid.types import Features
from tests.finetuning.kept_features.runs import ONE, PER_DRAW, counting_reads, frozen
from tests.finetuning.tuned import HEADS, weights
from tests.pretraining.power_cut import power_cut

CPU = torch.device("cpu")
DRAWS = 3


@pytest.fixture
def stream(videos: ClipDataset) -> BatchStream:
    return BatchStream(len(videos), per_batch=3, total=10, seed=4)


@pytest.fixture
def source(videos: ClipDataset, tmp_path: Path) -> KeptFeatureSource:
    """Features that say which video, draw and clip they are of."""
    kept = KeptClips(FeatureStore(tmp_path / "kept"), ("clip",), DRAWS)
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


@pytest.mark.parametrize("head", HEADS)
def test_training_on_one_kept_clip_is_training_on_the_videos(
    split_manifest: Path, tmp_path: Path, head: str
) -> None:
    options: dict[str, Any] = {"head": HEADS[head], "clips": ONE, "plan": {"steps": 6}}
    frozen(split_manifest, tmp_path / "videos", **options)
    result = frozen(split_manifest, tmp_path / "kept", **options, cache=1)
    kept = weights(tmp_path / "kept")
    for name, value in weights(tmp_path / "videos").items():
        torch.testing.assert_close(kept[name], value, rtol=1e-4, atol=1e-5, msg=name)
    scores = [Scores.read(tmp_path / run / "scores.csv") for run in ("videos", "kept")]
    np.testing.assert_allclose(scores[1].probabilities, scores[0].probabilities, atol=1e-5)
    assert result.protocol["cached_clips"] == 1
    assert "1 kept clips of each training video" in result.heading


def test_several_clips_of_a_video_are_one_draw(split_manifest: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"clips": EvenClips(frames=4, clips=2), "plan": {"steps": 4}}
    frozen(split_manifest, tmp_path / "videos", **options)
    frozen(split_manifest, tmp_path / "kept", **options, cache=2)
    kept = weights(tmp_path / "kept")
    for name, value in weights(tmp_path / "videos").items():
        torch.testing.assert_close(kept[name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_scores_from_kept_views_are_the_mean_over_views_of_each_test_video(
    split_manifest: Path, tmp_path: Path
) -> None:
    crop = Crop(24, tested="ten", mirror=0.5)
    frozen(split_manifest, tmp_path / "run", crop=crop, cache=2, head=HEADS["gru-rcn"])
    videos = Manifest.read(split_manifest).usable
    test = videos.select([row.split == "test" for row in videos.rows])
    classifier = load_classifier(tmp_path / "run").classifier
    scores = Scores.read(tmp_path / "run" / "scores.csv")
    assert scores.videos == tuple(row.video for row in test.rows)
    dataset = ClipDataset(test, EvenClips(frames=4, clips=2), size=(32, 32))
    for place in (0, len(test) - 1):
        with torch.no_grad():
            views = [crop.views(clip.frames[None]) for clip in dataset[place].clips]
            found = classifier(torch.cat(views))[0].probabilities
        assert len(found) == 2 * 10
        np.testing.assert_allclose(scores.probabilities[place], found.mean(0), atol=1e-5)


def test_a_run_stopped_in_the_middle_ends_as_one_never_stopped(
    split_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head: HeadFactory = partial(LRCN, hidden=5)
    options: dict[str, Any] = {"cache": 2, "head": head, "plan": {"steps": 12}}
    frozen(split_manifest, tmp_path / "whole", **options)
    with power_cut(monkeypatch, before=7):
        frozen(split_manifest, tmp_path / "cut", **options)
    with counting_reads(monkeypatch) as places:
        frozen(split_manifest, tmp_path / "cut", **options, resume=True)
    assert len(places) == 3  # whose gates are drawn
    for name, value in weights(tmp_path / "whole").items():
        assert torch.equal(weights(tmp_path / "cut")[name], value), name
