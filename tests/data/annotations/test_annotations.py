from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from selfvid.data.annotations.annotations import Annotations, Assume, read_annotations
from selfvid.data.annotations.checks import Rules, checked, counted, settle
from selfvid.data.video.streaming import Length
from selfvid.errors import InputError

HEAD = "video,start,end,label"
LENGTH = Length(500, 20.0)


def table(folder: Path, *lines: str, head: str = HEAD) -> Path:
    path = folder / "activities.csv"
    path.write_text("\n".join((head, *lines)) + "\n")
    return path


def activity_net(folder: Path, database: Any, **more: Any) -> Path:
    path = folder / "activity_net.json"
    path.write_text(json.dumps({"version": "VERSION 1.3", "database": database, **more}))
    return path


def entry(*segments: tuple[float, float, str], subset: str = "training") -> dict[str, Any]:
    found = [{"segment": [start, end], "label": label} for start, end, label in segments]
    return {"subset": subset, "duration": 20.0, "annotations": found}


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


def spans(annotations: Annotations) -> list[tuple[float, float, str]]:
    return [(a.start, a.end, a.label) for video in annotations.videos for a in video.activities]


def test_a_table_is_read_in_order_of_time(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "a.mp4,5,9,walk,train,day one",
        "a.mp4,0,4.5,sit,train,day one",
        "b.mp4,1,2,walk,test,day two",
        head=f"{HEAD},split,group",
    )
    first, second = read_annotations(path).videos
    assert [(a.start, a.end, a.label) for a in first.activities] == [
        (0, 4.5, "sit"),
        (5, 9, "walk"),
    ]
    assert (first.split, first.group, first.path) == ("train", "day one", tmp_path / "a.mp4")
    assert (second.name, second.split) == ("b.mp4", "test")


def test_activity_net_and_the_table_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "v_x1.mkv").touch()
    both = entry((0, 4.5, "sit"), (5, 9, "walk")), entry((1, 2, "walk"), subset="validation")
    taxonomy = [{"nodeName": "sit"}, {"nodeName": "walk"}]
    database = {"x1": both[0], "x2": both[1], "x3": entry(subset="testing")}
    found = read_annotations(activity_net(tmp_path, database, taxonomy=taxonomy))
    assert [(video.name, video.split) for video in found.videos] == [("x1", "train"), ("x2", "val")]
    assert found.videos[0].path.name == "v_x1.mkv"
    assert found.videos[0].duration == 20.0
    assert found.known == {"sit", "walk"}
    lines = [
        f"{video.name},{a.start},{a.end},{a.label}"
        for video in found.videos
        for a in video.activities
    ]
    assert spans(read_annotations(table(tmp_path, *lines))) == spans(found)


@pytest.mark.parametrize(
    "plain",
    [
        [],
        {"videos": {"a": {"segments": []}}},
        {"database": []},
        {"database": {"a": {"annotations": []}}},
        {"database": {"a": {"subset": "training", "annotations": [{"label": "walk"}]}}},
        {"database": {"a": {"subset": "training", "annotations": None}}},
    ],
)
def test_json_of_another_scheme_is_refused_in_one_line(plain: Any, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(json.dumps(plain))
    with pytest.raises(InputError, match=r"of another scheme.*expected ActivityNet's") as caught:
        read_annotations(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("a.mp4,one,2,walk",), "line 2: start is 'one'; expected a number of seconds"),
        (("a.mp4,1,,walk",), "line 2: end is ''"),
        ((",1,2,walk",), "line 2: video is empty"),
        ((), "name no video"),
    ],
)
def test_cells_that_cannot_be_are_named(
    lines: tuple[str, ...], expected: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=expected):
        read_annotations(table(tmp_path, *lines))


def test_a_video_has_one_split(tmp_path: Path) -> None:
    path = table(tmp_path, "a.mp4,0,1,x,train", "a.mp4,2,3,x,test", head=f"{HEAD},split")
    with pytest.raises(InputError, match=r"line 3: split is 'test' where .* 'train'"):
        read_annotations(path)


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
    known = frozenset({"walk", "sit"})
    kept, kinds = repaired(path, labels=known, assume="overlapping")
    assert kinds == [kind]
    assert sorted(spans(kept)) == sorted([*left, (1.0, 2.0, "sit")])


def test_the_end_may_be_rounded_up(tmp_path: Path) -> None:
    kept, kinds = repaired(table(tmp_path, "a.mp4,15,20.3,walk"))
    assert kinds == []
    assert spans(kept) == [(15.0, 20.0, "walk")]


def test_what_stands_there_twice_is_taken_once(tmp_path: Path) -> None:
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


@pytest.mark.parametrize(("told", "kinds"), [("20.4", []), ("26", ["of another length"])])
def test_a_file_of_another_length_than_told_is_named(
    told: str, kinds: list[str], tmp_path: Path
) -> None:
    path = table(tmp_path, f"a.mp4,1,2,walk,{told}", head=f"{HEAD},duration")
    kept, found = repaired(path)
    assert found == kinds
    assert spans(kept) == [(1.0, 2.0, "walk")]


def test_a_video_without_a_split_beside_others_with_one_is_named(tmp_path: Path) -> None:
    lines = ("a.mp4,1,2,walk,train", "b.mp4,1,2,walk,", "c.mp4,1,2,walk,test")
    kept, kinds = repaired(table(tmp_path, *lines, head=f"{HEAD},split"))
    assert kinds == ["without a split"]
    assert [video.name for video in kept.videos] == ["a.mp4", "c.mp4"]


def test_subtitles_beside_a_video_are_not_taken_for_it(tmp_path: Path) -> None:
    path = activity_net(tmp_path, {"abc": entry((1, 2, "walk"))})
    for name in ("v_abc.mp4", "v_abc.srt", "v_abc.txt"):
        (tmp_path / name).touch()
    assert read_annotations(path).videos[0].path == tmp_path / "v_abc.mp4"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "abc.mkv").touch()
    with pytest.raises(InputError, match=r"abc.mkv and .*v_abc.mp4 are both there"):
        read_annotations(path)


def test_overlaps_matter_where_one_thing_goes_on_at_a_time(tmp_path: Path) -> None:
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
