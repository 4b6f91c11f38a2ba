import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from selfvid.data.clips.crops import Crop
from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import EvenClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.errors import InputError
from selfvid.finetuning import testing
from selfvid.finetuning.classifier import Classifier, load_classifier
from selfvid.finetuning.testing import ClipHits, read_clip_hits, write_clip_hits
from selfvid.heads.average import Average
from selfvid.results.scores import Scores
from tests.finetuning.test_stages import on_clips, staged
from tests.finetuning.tuned import small_run, tanh_encoder


def test_scores_are_the_mean_over_views_of_each_test_video(
    split_manifest: Path, tmp_path: Path
) -> None:
    crop = Crop(24, tested="ten")
    result = small_run(split_manifest, tmp_path / "run", crop=crop)
    videos = Manifest.read(split_manifest).usable
    test = videos.select([row.split == "test" for row in videos.rows])
    scores = Scores.read(tmp_path / "run" / "scores.csv")
    assert scores.videos == tuple(row.video for row in test.rows)
    trained = load_classifier(tmp_path / "run")
    assert trained.classes == scores.classes
    clips = ClipDataset(test, EvenClips(frames=4, clips=2), size=(32, 32))[0].clips
    found = []
    for clip in clips:
        for view in crop.views(clip.frames[None]):
            with torch.no_grad():
                found.append(trained.classifier(view[None])[0].probabilities[0])
    by_hand = torch.stack(found).mean(0)
    assert len(found) == 2 * 10
    np.testing.assert_allclose(scores.probabilities[0], by_hand.numpy(), atol=1e-5)
    right = scores.predicted == scores.labels
    assert result.accuracy.mean == pytest.approx(right.mean())
    assert result.protocol["crops"] == 10


def test_clips_are_named_before_they_are_averaged(split_manifest: Path, tmp_path: Path) -> None:
    crop = Crop(24, tested="four")
    result = staged(split_manifest, tmp_path / "run", on_clips(), crop=crop)
    videos = Manifest.read(split_manifest).usable
    test = videos.select([row.split == "test" for row in videos.rows])
    trained = load_classifier(tmp_path / "run")
    dataset = ClipDataset(test, EvenClips(frames=3, clips=2), size=(32, 32))
    right = []
    for number, row in enumerate(test.rows):
        for clip in dataset[number].clips:
            with torch.no_grad():
                found = trained.classifier(crop.views(clip.frames[None]))[0].probabilities
            best = trained.classes[int(found.mean(0).argmax())]
            right.append(best == row.columns["direction"])
    assert len(right) == 2 * len(test)
    assert result.clip_hit_at_1 == pytest.approx(np.mean(right))
    written = json.loads((tmp_path / "run" / "result.json").read_text())
    assert written["clip_hit_at_1"] == result.clip_hit_at_1
    assert f"{len(right)} single clips (clip hit@1)" in str(result)
    scores = Scores.read(tmp_path / "run" / "scores.csv")
    likeliest = [
        label in row.argsort()[::-1][:5]
        for label, row in zip(scores.labels, scores.probabilities, strict=True)
    ]
    assert result.hit_at_5 == pytest.approx(np.mean(likeliest))
    assert "(hit@5)" in str(result)


class Votes(testing.Tester):
    """A tester of made-up probabilities, one array (clips, K) for each video."""

    def probabilities(
        self, classifier: Classifier, dataset: ClipDataset
    ) -> Iterator[NDArray[np.float64]]:
        del classifier
        for label in np.asarray(dataset.labels).tolist():
            right = np.eye(8)[label]
            yield np.stack([right, right, np.eye(8)[(label + 1) % 8]])


def test_clips_are_averaged_to_a_video_and_counted_one_by_one(digits_manifest: Path) -> None:
    videos = Manifest.read(digits_manifest)
    classes = tuple(videos.classes("direction"))
    dataset = ClipDataset(
        videos, EvenClips(frames=2), size=(8, 8), label="direction", classes=classes
    )
    encoder = tanh_encoder()
    classifier = Classifier(encoder, Average(encoder.widths, 8)).train()
    tester = Votes(crop=None, device=torch.device("cpu"), quiet=True)
    scores, hits = tester.test(classifier, dataset, classes=classes, what="")
    assert hits == ClipHits(clips=3 * len(videos), right=2 * len(videos))
    assert (scores.predicted == scores.labels).all()
    np.testing.assert_allclose(np.sort(scores.probabilities)[:, -2:], [[1 / 3, 2 / 3]] * 32)
    assert classifier.training


def test_the_crops_of_a_clip_are_averaged_and_no_others() -> None:
    tester = testing.Tester(crop=Crop(4, tested="four"), device=torch.device("cpu"))
    count = Crop(4, tested="four").count
    views = torch.rand(3 * count, 5)
    found = tester.of_clips([views[:2], views[2:7], views[7:]])
    for clip in range(3):
        by_hand = sum(views[clip * count + crop] for crop in range(count)) / count
        np.testing.assert_allclose(found[clip], by_hand, rtol=1e-6)


def test_hits_of_folds_add_up_and_are_read_as_they_were_written(tmp_path: Path) -> None:
    parts = [ClipHits(clips=4, right=1), ClipHits(clips=6, right=6)]
    for number, part in enumerate(parts):
        (tmp_path / str(number)).mkdir()
        write_clip_hits(part, tmp_path / str(number))
    read = [read_clip_hits(tmp_path / str(number)) for number in range(2)]
    assert read == parts
    assert sum(read, ClipHits()) == ClipHits(clips=10, right=7)
    with pytest.raises(InputError, match="has no counts of correctly classified clips"):
        read_clip_hits(tmp_path)
