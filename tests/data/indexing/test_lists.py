from __future__ import annotations

from pathlib import Path

import pytest

from selfvid.data.indexing.gather import gather, with_labels
from selfvid.data.indexing.layouts import Entry
from selfvid.data.indexing.lists import Places, plain_split, read_list
from selfvid.errors import InputError
from tests.data.indexing.trees import described, tree


def test_hmdb_codes_are_splits_and_the_list_is_named_after_its_class(tmp_path: Path) -> None:
    tree(tmp_path / "hmdb", "wave/a.avi", "wave/b.avi", "wave/c (1).avi")
    source = tmp_path / "wave_hand_test_split1.txt"
    source.write_text("a.avi 1 \nb.avi 2 \nc (1).avi 0 \n")
    assert described(gather([tmp_path / "hmdb", source]).entries) == [
        ("wave/a.avi", "wave_hand", "train", ""),
        ("wave/b.avi", "wave_hand", "test", ""),
        ("wave/c (1).avi", "wave_hand", "", ""),
    ]


def test_kinetics_finds_files_cut_out_and_whole(tmp_path: Path) -> None:
    tree(tmp_path, "train/-abc_000010_000020.mp4", "whole.mkv")
    source = tmp_path / "train.csv"
    source.write_text(
        "label,youtube_id,time_start,time_end,split,is_cc\n"
        "jogging,-abc,10,20,train,0\nsinging,whole,5,15,validate,1\nsinging,gone,0,10,test,0\n"
    )
    cut, whole, gone = gather([source]).entries
    assert (cut.path, cut.start, cut.end) == (
        tmp_path / "train/-abc_000010_000020.mp4",
        None,
        None,
    )
    assert (whole.path, whole.start, whole.end) == (tmp_path / "whole.mkv", 5.0, 15.0)
    assert (whole.label, whole.split, whole.columns) == ("singing", "val", {"is_cc": "1"})
    assert not gone.path.exists()


def test_a_table_brings_labels_segments_and_further_columns(tmp_path: Path) -> None:
    tree(tmp_path, "below/v.mp4")
    source = tmp_path / "mine.csv"
    source.write_text(
        "\ufeffpath,what,split,start,end,duration\nbelow/v.mp4,sit,Training,0.5,2,0:12\n"
        f"{tmp_path}/below/v.mp4,stand,train,2,,\n"
    )
    first, second = with_labels(gather([source]).entries, "what")
    assert (first.label, first.split, first.start, first.end) == ("sit", "train", 0.5, 2.0)
    assert (second.label, second.end, second.path) == ("stand", None, first.path)
    assert first.columns == {"what": "sit"}


def test_the_kind_of_a_list_decides_whether_names_are_searched(tmp_path: Path) -> None:
    texts = {
        "trainlist01.txt": "Dive/v_Dive_g02_c01.avi 1\n",
        "wave_test_split2.txt": "a.avi 1\n",
        "train.csv": "label,youtube_id\njogging,abc\n",
        "mine.csv": "path,label\nbelow/a.avi,wave\n",
        "mine.txt": "below/a.avi wave\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    listings = {name: read_list(tmp_path / name) for name in texts}
    assert [listing.by_name for listing in listings.values()] == [True, True, True, False, False]
    for name in ("mine.csv", "mine.txt"):
        (entry,) = listings[name].entries
        assert (entry.path, entry.label) == (tmp_path / "below/a.avi", "wave")


def test_labels_in_a_text_file_may_have_spaces_and_names_too_before_a_tab(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("\ufeffa.mp4 big hug\n\nmy video.mp4\tkick\nc.mp4\n")
    assert described(read_list(tmp_path / "list.txt").entries) == [
        ("a.mp4", "big hug", "", ""),
        ("my video.mp4", "kick", "", ""),
        ("c.mp4", "", "", ""),
    ]


def test_a_class_without_a_number_is_the_folder_of_the_clip(tmp_path: Path) -> None:
    (tmp_path / "testlist02.txt").write_text("Dive/v_Dive_g02_c01.avi\nRow/z.avi 9\n")
    expected = [
        ("Dive/v_Dive_g02_c01.avi", "Dive", "test", "v_Dive_g02"),
        ("Row/z.avi", "Row", "test", ""),
    ]
    assert described(read_list(tmp_path / "testlist02.txt").entries) == expected
    (tmp_path / "classInd.txt").write_text("1 Diving\n2\n")
    with pytest.raises(InputError, match="must have a number and a class on every line"):
        read_list(tmp_path / "testlist02.txt")


def test_a_file_is_found_by_path_before_name_and_by_name_before_stem() -> None:
    files = [
        Entry(path=Path("/") / name, name=name) for name in ("a/x.mp4", "b/x.mp4", "x", "y.mp4")
    ]

    def located(name: str) -> str | None:
        found = Places(files).locate(Entry(path=Path(), name=name, label="kept"))
        assert found is None or found.label == "kept"
        return None if found is None else found.path.as_posix()

    assert located("a/x.mp4") == "/a/x.mp4"
    assert located("elsewhere/y.mp4") == located("y") == located("y.avi") == "/y.mp4"
    assert located("z.mp4") is None
    with pytest.raises(
        InputError, match=r"'c/x.mp4' fits 2 files \(a/x.mp4, b/x.mp4\); expected 1"
    ):
        located("c/x.mp4")


def test_splits_have_one_name_each() -> None:
    assert [plain_split(text) for text in ("Training", " validate", "TESTING ", "val", "")] == [
        "train",
        "val",
        "test",
        "val",
        "",
    ]


def test_lists_that_cannot_be_read_are_refused_in_one_line(tmp_path: Path) -> None:
    texts = {
        "columns.csv": "film\nx.mp4\n",
        "rows.csv": "path\n",
        "bad.csv": "path,start\ny.mp4,soon\n",
        "x_test_split1.txt": "y.mp4 3\n",
        "blank.txt": "\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    for message, name in [
        ("has columns film; expected path", "columns.csv"),
        ("has no rows", "rows.csv"),
        ("line 2: start is 'soon'", "bad.csv"),
        ("line 'y.mp4 3'; expected a name and 0, 1 or 2", "x_test_split1.txt"),
        ("blank.txt' is empty", "blank.txt"),
        ("missing.csv' does not exist", "missing.csv"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            read_list(tmp_path / name)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "name", "label"),
    [
        ("v_A 4 0", "v_A", "0"),
        ("v_A  4   0", "v_A", "0"),
        ("1234 300 5", "1234", "5"),
        ("playing guitar/v_A 12 3", "playing guitar/v_A", "3"),
        ("v_A\t4\t0", "v_A", "0"),
        ("a.mp4 300 5", "a.mp4", "5"),
        ("playing guitar/a b.ts 3", "playing guitar/a b.ts", "3"),
        ("playing guitar/a b.MP4 loud music", "playing guitar/a b.MP4", "loud music"),
        ("playing guitar/v_A walk", "playing guitar/v_A", "walk"),
        ("a b.ts", "a b.ts", ""),
        ("v_A big hug", "v_A", "big hug"),
        ("1234 -1", "1234", "-1"),
        ("7", "7", ""),
    ],
)
def test_a_name_may_have_blanks_and_a_folder_its_number_of_frames(
    tmp_path: Path, line: str, name: str, label: str
) -> None:
    (tmp_path / "list.txt").write_text(f"{line}\n")
    assert described(read_list(tmp_path / "list.txt").entries) == [(name, label, "", "")]


def test_names_and_classes_of_ucf_lists_may_have_blanks(tmp_path: Path) -> None:
    (tmp_path / "classInd.txt").write_text("3 playing guitar\n")
    (tmp_path / "trainlist01.txt").write_text("guitar solo/a b.ts 3\n")
    (entry,) = read_list(tmp_path / "trainlist01.txt").entries
    assert (entry.name, entry.label) == ("guitar solo/a b.ts", "playing guitar")
