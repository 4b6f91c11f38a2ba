from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfvid.data.annotations.annotations import Activity, AnnotatedVideo
from selfvid.data.annotations.checks import Problem
from selfvid.data.video.files import content_id
from selfvid.detecting.corpus import Corpus, CorpusOptions, Recording, clip_labels, find_corpus
from selfvid.errors import InputError

LABELS = ("sit", "walk")


def test_a_clip_shows_what_half_of_its_frames_show() -> None:
    times = np.arange(32.0).reshape(4, 8)  # clips of eight frames, one a second
    activities = [
        Activity(0.0, 4.0, "walk"),  # four of eight
        Activity(8.0, 11.0, "walk"),  # three of eight
        Activity(16.0, 19.0, "walk"),  # three, and five of another
        Activity(19.0, 24.0, "sit"),
        Activity(24.0, 27.0, "walk"),  # three and one: half of the clip shows something
        Activity(27.0, 28.0, "sit"),
    ]
    alone = clip_labels(times, activities, labels=LABELS, several=False)
    assert alone.tolist() == [2, 0, 1, 2]
    several = clip_labels(times, activities, labels=LABELS, several=True)
    assert several.tolist() == [[0, 1], [0, 0], [1, 0], [0, 0]]


def corpus_of(*videos: Recording) -> Corpus:
    return Corpus(videos, LABELS, ())


def grouped(number: int) -> Recording:
    """A video that shows both activities, with one other video in its group."""
    shown = (Activity(0, 4, "sit"), Activity(4, 10, "walk"))
    video = AnnotatedVideo(f"v{number}", Path(f"v{number}"), shown, group=f"day {number // 2}")
    return Recording(video, 20.0, f"id{number}")


def test_every_fold_tests_whole_groups_and_every_video_is_tested_once() -> None:
    corpus = corpus_of(*map(grouped, range(8)))
    assert corpus.groups[0] == corpus.groups[1] != corpus.groups[2]
    parts = corpus.parts(4, seed=0)
    assert sorted(number for part in parts for number in part.test) == list(range(8))
    for part in parts:
        assert sorted(part.train + part.test) == list(range(8))
        assert len({number // 2 for number in part.test}) * 2 == len(part.test)


def test_the_manifest_has_a_row_for_each_activity() -> None:
    rows = corpus_of(grouped(0), grouped(1)).manifest.rows
    assert [(row.path, row.label, row.start) for row in rows] == [
        ("v0", "sit", 0), ("v0", "walk", 4), ("v1", "sit", 0), ("v1", "walk", 4),
    ]  # fmt: skip


def test_a_video_with_a_fault_is_left_out_and_its_problem_is_kept() -> None:
    corpus = corpus_of(grouped(0), grouped(1), grouped(2))
    problem = Problem("unreadable", "v1 cannot be read", "left out")
    rest = corpus.without({"v1": problem})
    assert [each.video.name for each in rest.recordings] == ["v0", "v2"]
    assert rest.problems == (problem,)


def options(path: Path, **changes: Any) -> CorpusOptions:
    plain: dict[str, Any] = {
        "annotations": path, "videos": None, "assume": "one_at_a_time", "labels": None,
        "frames": 8, "problems": "stop", "decoder": "auto",
    }  # fmt: skip
    return CorpusOptions(**plain | changes)


def test_a_found_corpus_has_the_length_and_the_content_id_of_every_video(annotated: Path) -> None:
    corpus = find_corpus(options(annotated), quiet=True)
    assert corpus.labels == ("bright", "grey")
    for number, each in enumerate(corpus.recordings):
        assert each.video.name == f"{number}.mp4"
        assert each.id == content_id(annotated.with_name(f"{number}.mp4"))
        assert each.seconds == pytest.approx(each.video.activities[-1].end)  # it ends in grey


def test_two_names_of_one_file_and_clips_without_frames_are_refused(
    annotated: Path, tmp_path: Path
) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("video,start,end,label\n0.mp4,0,4,a\n./0.mp4,5,9,a\n")
    with pytest.raises(InputError, match="frames is 0; expected at least 1 in a clip"):
        find_corpus(options(path, frames=0), quiet=True)
    with pytest.raises(
        InputError, match=r"'./0\.mp4' and '0\.mp4' are the same file; expected one"
    ):
        find_corpus(options(path, videos=annotated.parent), quiet=True)
