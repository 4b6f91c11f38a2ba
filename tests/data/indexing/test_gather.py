from __future__ import annotations

from pathlib import Path

import pytest

from selfvid.data.indexing.gather import gather, with_groups, with_labels
from selfvid.data.indexing.layouts import Entry
from selfvid.errors import InputError
from tests.data.indexing.trees import described, tree


def test_ucf_lists_give_class_split_and_source_video(tmp_path: Path) -> None:
    videos = [
        "Dive/v_Dive_g01_c01.avi",
        "Dive/v_Dive_g02_c01.avi",
        "Row/v_Row_g01_c03.avi",
        "Row/z.avi",
    ]
    tree(tmp_path / "UCF-101", *videos)
    lists = tree(tmp_path / "lists", "a") / "trainlist01.txt"
    lists.write_text("Dive/v_Dive_g02_c01.avi 1\nRow/v_Row_g01_c03.avi 2\n")
    lists.with_name("testlist01.txt").write_text("Dive/v_Dive_g01_c01.avi\n")
    lists.with_name("classInd.txt").write_text("1 Dive\n2 Rowing\n")
    found = gather([tmp_path / "UCF-101", lists, lists.with_name("testlist01.txt")])
    assert described(found.entries) == [
        ("Dive/v_Dive_g02_c01.avi", "Dive", "train", "v_Dive_g02"),
        ("Row/v_Row_g01_c03.avi", "Rowing", "train", "v_Row_g01"),
        ("Dive/v_Dive_g01_c01.avi", "Dive", "test", "v_Dive_g01"),
    ]
    assert found.unlisted == 1
    as_splits = gather([tmp_path / "UCF-101"], splits=[lists])
    assert [entry.split for entry in as_splits.entries] == ["", "train", "train", ""]


def test_labels_come_from_folders_or_a_list(tmp_path: Path) -> None:
    tree(tmp_path, "videos/train/hug/a.mp4", "videos/test/kick/b.mp4", "videos/c.mp4")
    entries = gather([tmp_path / "videos"]).entries
    assert [entry.label for entry in with_labels(entries, "folder")] == ["", "kick", "hug"]
    source = tmp_path / "labels.txt"
    source.write_text("a.mp4 big hug\nc punch\n")
    assert [entry.label for entry in with_labels(entries, str(source))] == ["punch", "", "big hug"]
    source = tmp_path / "labels.csv"
    source.write_text("path,label\ntrain/hug/a.mp4,x\n")
    assert [entry.label for entry in with_labels(entries, str(source))] == ["", "", "x"]


def test_groups_are_the_match_or_its_first_parentheses() -> None:
    entries = tuple(Entry(path=Path("/"), name=f"a/set{n}_seq7_{n}.avi") for n in (1, 2))
    entries = (*entries, Entry(path=Path("/"), name="other.avi", group="own"))
    assert [e.group for e in with_groups(entries, r"set\d_seq\d+")] == [
        "set1_seq7",
        "set2_seq7",
        "own",
    ]
    assert [e.group for e in with_groups(entries, r"set(\d)_")] == ["1", "2", "own"]
    assert with_groups(entries, None) == entries


def test_what_a_user_can_get_wrong_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    tree(tmp_path, "texts/a.txt", "v/x.mp4", "v/b/x.mp4", "w/y.mp4", "none_test_split1.txt")
    v, w = tmp_path / "v", tmp_path / "w"
    lists = {
        "nowhere.csv": "path\nnot/there.mp4\n",
        "columns.csv": "film\nx.mp4\n",
        "rows.csv": "path\n",
        "bad.csv": "path,start\ny.mp4,soon\n",
        "twice.csv": "path,split\nw/y.mp4,train\nw/y.mp4,test\n",
        "trainlist01.txt": "q.avi 1\n",
        "x_test_split1.txt": "y.mp4 3\n",
        "labels.txt": "q a\n",
        "doubled_test_split1.txt": "x.mp4 1\n",
        "blank.txt": "\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)

    def fails(message: str, *footage: Path, splits: list[Path] | None = None) -> None:
        with pytest.raises(InputError, match=message) as caught:
            gather(footage, splits=splits or [])
        assert len(str(caught.value).splitlines()) == 1

    fails(r"empty' contains no video \(0 other files\)", tmp_path / "empty")
    fails(r"texts' contains no video \(1 other files\)", tmp_path / "texts")
    fails("missing' does not exist", tmp_path / "missing")
    fails("missing.csv' does not exist", tmp_path / "missing.csv")
    fails(
        "setup.py' is neither a folder, a video nor a list", tree(tmp_path, "setup.py") / "setup.py"
    )
    fails("names 1 videos and none is found, such as 'not/there.mp4'", tmp_path / "nowhere.csv")
    fails("has columns film; expected path", tmp_path / "columns.csv")
    fails("has no rows", tmp_path / "rows.csv")
    fails("line 2: start is 'soon'", tmp_path / "bad.csv")
    fails("is listed twice, as no label in train and as no label in test", tmp_path / "twice.csv")
    fails("none is found, such as 'q.avi'; give the folder", tmp_path / "trainlist01.txt", w)
    fails("line 'y.mp4 3'; expected a name and 0, 1 or 2", tmp_path / "x_test_split1.txt", w)
    fails("'x.mp4' fits 2 files", v, splits=[tmp_path / "doubled_test_split1.txt"])
    fails(
        "splits name 1 videos and none is in the footage", w, splits=[tmp_path / "trainlist01.txt"]
    )
    fails("blank.txt' is empty", tmp_path / "blank.txt")

    entries = gather([w]).entries
    for labels, message in [
        (
            "genre",
            r"labels is 'genre'; expected folder, a column .* \(it has none\) or a list file",
        ),
        ("folder", r"labels 'folder' gives no video a label; the first is 'y.mp4'"),
        (str(tmp_path / "labels.txt"), r"gives no video a label"),
        ("gone.txt", r"list 'gone.txt' does not exist"),
    ]:
        with pytest.raises(InputError, match=message):
            with_labels(entries, labels)
    with pytest.raises(InputError, match=r"groups 'set\(' is not a regular expression"):
        with_groups(entries, "set(")
    with pytest.raises(InputError, match=r"groups 'set\\d' matches no video; .* such as 'y.mp4'"):
        with_groups(entries, r"set\d")
