from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.annotations.annotations import Activity
from selfvid.detecting.corpus import Corpus
from selfvid.detecting.detector import Detector
from selfvid.detecting.extract import StreamEncoder
from selfvid.detecting.segments import PostProcessing
from selfvid.detecting.trial import EncodedVideos, Trial
from selfvid.encoders.base import Provenance
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.heads.detection import ActivityDetector
from selfvid.results.leaks import Footage
from selfvid.types import Widths
from tests.detecting.made import LABELS, clip_features, recording, with_chances

VIDEOS = [
    recording("a", Activity(0, 4, "sit")),
    recording("b", Activity(2, 6, "walk"), Activity(8, 9, "sit")),
    recording("c", Activity(0, 1, "walk")),
]
POST = PostProcessing(smooth=0, alpha=0.5)
SITS, WALKS = [0.1, 0.9, 0.0], [0.1, 0.0, 0.9]


def stream_encoder(provenance: Provenance | None = None) -> StreamEncoder:
    encoder = FrameEncoder(SmallNet(channels=1, stages=(8,))).eval()
    encoder.provenance = provenance or Provenance()
    return StreamEncoder(encoder, frames=2, size=(16, 16), device=torch.device("cpu"))


def trial_of(chances: list[list[list[float]]], videos: list[int]) -> Trial:
    return Trial(
        corpus=Corpus(tuple(VIDEOS), LABELS, ()),
        stream_encoder=stream_encoder(),
        tested=[with_chances(VIDEOS[n], each) for n, each in zip(videos, chances, strict=True)],
        footage=Footage(len(videos), 0, 0, known=True),
        labels=LABELS,
        assume="one_at_a_time",
    )


def test_guesses_of_another_run_are_in_the_order_of_this_one() -> None:
    mine = trial_of([[SITS], [WALKS]], [0, 1])
    other = trial_of([[SITS], [WALKS, SITS]], [1, 0])
    guesses = mine.guesses_of(other, POST, called="other")
    assert [[segment.label for segment in found] for found, _ in guesses] == [
        ["walk", "sit"],
        ["sit"],
    ]
    np.testing.assert_allclose(guesses[0][1], [0.5, 0.5])


def test_a_run_on_other_videos_is_refused() -> None:
    mine = trial_of([[SITS]], [0])
    with pytest.raises(InputError, match="run 'other' was not tested on 'a'"):
        mine.guesses_of(trial_of([[SITS]], [1]), POST, called="other")
    with pytest.raises(InputError, match=r"was tested on 2 videos .* expected 1 of sit, walk"):
        mine.guesses_of(trial_of([[SITS], [SITS]], [0, 1]), POST, called="other")


def test_each_try_of_the_random_baseline_is_another_one_and_can_be_repeated() -> None:
    trial = trial_of([[SITS], [WALKS]], [0, 1])
    first, again, other = (trial.at_random(3, number) for number in (0, 0, 1))
    assert [found for found, _ in first] == [found for found, _ in again]
    assert [found for found, _ in first] != [found for found, _ in other]


def detector(trained: tuple[str, ...], tested: tuple[str, ...]) -> Detector:
    torch.manual_seed(0)
    head = ActivityDetector(Widths(clip=3, steps=3), 2, hidden=4).eval()
    return Detector(head, LABELS, "one_at_a_time", 2, (16, 16), "float32", trained, tested)


def encoded(folder: Path, provenance: Provenance | None = None) -> EncodedVideos:
    generator = torch.Generator().manual_seed(0)
    vectors = [
        clip_features(folder, each.id, torch.rand(count, 3, generator=generator))
        for each, count in zip(VIDEOS, (2, 5, 3), strict=True)
    ]
    return EncodedVideos(stream_encoder(provenance), Corpus(tuple(VIDEOS), LABELS, ()), vectors)


def test_a_detector_is_applied_to_its_test_videos_alone(tmp_path: Path) -> None:
    videos, head = encoded(tmp_path), detector(("a",), ("c", "b"))
    found = videos.tested(head)
    assert [each.recording.video.name for each in found] == ["c", "b"]
    for each, number in zip(found, (2, 1), strict=True):
        features = videos.vectors[number]
        whole = head.chances([features.read(0, features.clips)], clips=features.clips)
        np.testing.assert_array_equal(each.chances, whole)
        np.testing.assert_array_equal(each.spans, features.spans)
        assert each.statistics.counts.tolist() == [1, 0]  # video a shows somebody sit


def test_a_video_of_the_run_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="video 'z' of the run cannot be used any more"):
        encoded(tmp_path).tested(detector(("a", "z"), ("b",)))


def test_test_videos_of_pretraining_are_counted(tmp_path: Path) -> None:
    seen = Provenance(footage=("id of a", "id of b"), labelled=("id of b",))
    videos = encoded(tmp_path, seen)
    footage = videos.footage(videos.tested(detector(("a",), ("b", "c"))))
    assert (footage.tested, footage.seen, footage.labels_seen, footage.known) == (2, 1, 1, True)
