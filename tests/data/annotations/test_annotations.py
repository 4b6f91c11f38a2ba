from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfvid.data.annotations.annotations import (
    ASSUMPTIONS,
    check_assumption,
    read_annotations,
)
from selfvid.errors import InputError
from tests.data.annotations.lists import HEAD, spans, table


def activity_net(folder: Path, database: Any, **more: Any) -> Path:
    path = folder / "activity_net.json"
    path.write_text(json.dumps({"version": "VERSION 1.3", "database": database, **more}))
    return path


def entry(*segments: tuple[float, float, str], subset: str = "training") -> dict[str, Any]:
    found = [{"segment": [start, end], "label": label} for start, end, label in segments]
    return {"subset": subset, "duration": 20.0, "annotations": found}


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
    with pytest.raises(InputError, match=r"line 3: split is 'test', but .* 'train'"):
        read_annotations(path)


def test_subtitles_beside_a_video_are_not_taken_for_it(tmp_path: Path) -> None:
    path = activity_net(tmp_path, {"abc": entry((1, 2, "walk"))})
    for name in ("v_abc.mp4", "v_abc.srt", "v_abc.txt"):
        (tmp_path / name).touch()
    assert read_annotations(path).videos[0].path == tmp_path / "v_abc.mp4"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "abc.mkv").touch()
    with pytest.raises(InputError, match=r"abc.mkv and .*v_abc.mp4 both exist"):
        read_annotations(path)


def test_the_files_of_a_list_may_lie_in_another_folder(tmp_path: Path) -> None:
    path = table(tmp_path, "deep/a.mp4,0,1,walk")
    (tmp_path / "videos").mkdir()
    assert read_annotations(path).videos[0].path == tmp_path / "deep/a.mp4"
    elsewhere = read_annotations(path, videos=tmp_path / "videos").videos[0]
    assert elsewhere.path == tmp_path / "videos/deep/a.mp4"
    with pytest.raises(InputError, match=r"videos is .*none'; expected a folder"):
        read_annotations(path, videos=tmp_path / "none")


def test_an_unknown_assumption_is_refused() -> None:
    for assume in ASSUMPTIONS:
        check_assumption(assume)
    with pytest.raises(InputError, match="assume is 'any'; expected one of one_per_video, one_at"):
        check_assumption("any")
