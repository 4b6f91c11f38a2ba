from __future__ import annotations

import logging
from pathlib import Path

import pytest

from selfvid.data.annotations.annotations import Annotations, Assume, read_annotations
from selfvid.data.annotations.checks import Rules, checked, counted, settle
from selfvid.data.video.streaming import Length
from selfvid.errors import InputError
from tests.data.annotations.lists import HEAD, spans, table

LENGTH = Length(500, 20.0)


def repaired(
    path: Path,
    *,
    length: Length = LENGTH,
    assume: Assume = "one_at_a_time",
    labels: frozenset[str] = frozenset(),
) -> tuple[Annotations, list[str]]:
    found = read_annotations(path)
    lengths = {video.name: length for video in found.videos}
    kept, problems = checked(found, lengths, Rules(16, assume, labels))
    return kept, [problem.kind for problem in problems]


@pytest.mark.parametrize(
    ("line", "kind", "left"),
    [
        ("a.mp4,5,4,walk", "ending before the start", []),
        ("a.mp4,5,5,walk", "ending before the start", []),
        ("a.mp4,25,30,walk", "outside the video", []),
        ("a.mp4,15,30,walk", "outside the video", [(15.0, 20.0, "walk")]),
        ("a.mp4,-3,4,walk", "outside the video", [(0.0, 4.0, "walk")]),
        ("a.mp4,5,6,run", "with an unknown label", []),
        ("a.mp4,5,6,", "with an unknown label", []),
    ],
)
def test_an_activity_that_cannot_be_is_named_and_repaired(
    line: str, kind: str, left: list[tuple[float, float, str]], tmp_path: Path
) -> None:
    path = table(tmp_path, line, "a.mp4,1,2,sit")
    labels = frozenset({"walk", "sit"})
    kept, kinds = repaired(path, labels=labels, assume="overlapping")
    assert kinds == [kind]
    assert sorted(spans(kept)) == sorted([*left, (1.0, 2.0, "sit")])


def test_the_end_may_be_rounded_up(tmp_path: Path) -> None:
    kept, kinds = repaired(table(tmp_path, "a.mp4,15,20.3,walk"))
    assert kinds == []
    assert spans(kept) == [(15.0, 20.0, "walk")]


def test_what_is_listed_twice_is_used_once(tmp_path: Path) -> None:
    path = table(tmp_path, "a.mp4,1,2,walk", "a.mp4,1,2,walk", "a.mp4,1,2,sit")
    kept, kinds = repaired(path, assume="overlapping")
    assert kinds == ["twice"]
    assert spans(kept) == [(1.0, 2.0, "walk"), (1.0, 2.0, "sit")]


def test_overlaps_of_one_label_are_named_and_kept(tmp_path: Path) -> None:
    path = table(tmp_path, "a.mp4,1,5,walk", "a.mp4,4,8,walk")
    assert repaired(path, assume="overlapping")[1] == []
    for assume in ("one_at_a_time", "one_per_video"):
        kept, kinds = repaired(path, assume=assume)
        assert kinds == ["overlapping"]
        assert spans(kept) == [(1.0, 5.0, "walk"), (4.0, 8.0, "walk")]


@pytest.mark.parametrize(("annotated", "kinds"), [("20.4", []), ("26", ["of another length"])])
def test_a_file_of_another_length_than_annotated_is_named(
    annotated: str, kinds: list[str], tmp_path: Path
) -> None:
    path = table(tmp_path, f"a.mp4,1,2,walk,{annotated}", head=f"{HEAD},duration")
    kept, found = repaired(path)
    assert found == kinds
    assert spans(kept) == [(1.0, 2.0, "walk")]


def test_a_video_without_a_split_beside_others_with_one_is_named(tmp_path: Path) -> None:
    lines = ("a.mp4,1,2,walk,train", "b.mp4,1,2,walk,", "c.mp4,1,2,walk,test")
    kept, kinds = repaired(table(tmp_path, *lines, head=f"{HEAD},split"))
    assert kinds == ["without a split"]
    assert [video.name for video in kept.videos] == ["a.mp4", "c.mp4"]


def test_overlaps_are_problems_unless_they_are_assumed(tmp_path: Path) -> None:
    path = table(tmp_path, "a.mp4,0,9,walk", "a.mp4,1,2,sit", "a.mp4,8,12,sit", "a.mp4,12,13,walk")
    assert repaired(path)[1] == ["overlapping", "overlapping"]
    assert repaired(path, assume="overlapping")[1] == []
    kept, kinds = repaired(path, assume="one_per_video")
    assert kinds == ["with several labels"]
    assert {label for _, _, label in spans(kept)} == {"walk"}  # ten seconds against five


@pytest.mark.parametrize(
    ("length", "kind"),
    [
        (Length(15, 0.6), "shorter than a clip"),
        (Length(0, 0.0, "damaged data"), "unreadable"),
    ],
)
def test_a_video_that_cannot_be_used_is_named(length: Length, kind: str, tmp_path: Path) -> None:
    kept, kinds = repaired(table(tmp_path, "a.mp4,0,0.5,walk"), length=length)
    assert (kept.videos, kinds) == ((), [kind])


def test_a_video_with_no_annotation_is_named(tmp_path: Path) -> None:
    kept, kinds = repaired(table(tmp_path, "a.mp4,,,", "b.mp4,0,1,walk"))
    assert kinds == ["without annotation"]
    assert [video.name for video in kept.videos] == ["b.mp4"]


def test_problems_stop_unless_they_may_be_repaired(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = table(tmp_path, "a.mp4,5,4,walk", "a.mp4,25,30,walk", "a.mp4,1,2,sit")
    found = read_annotations(path)
    _, problems = checked(found, {"a.mp4": LENGTH}, Rules(16, "one_at_a_time"))
    assert counted(problems) == "2 problems (1 ending before the start, 1 outside the video)"
    with pytest.raises(InputError, match=r"2 problems .* the first: .*line 2: .* ends too early"):
        settle(problems, "stop", source="activities.csv")
    with caplog.at_level(logging.WARNING):
        settle(problems, "repair", source="activities.csv")
    assert len(caplog.messages) == 3  # how many, and each of them
