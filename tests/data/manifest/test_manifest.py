from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.errors import InputError

ROW = Row(
    path="a/b, c.mp4",
    video="0123456789abcdef",
    label='says "hi"\nand bye',
    split="train",
    group="g1",
    start=0.1,
    end=2.5,
    columns={"digit": "7", "direction": "north"},
    frames=75,
    rate=29.97002997002997,
    width=320,
    height=240,
    duration=75 / 29.97002997002997,
    bytes=12345,
    modified=1795228013.6723115,
    codec="h264",
    decoder="decord",
    timestamps=True,
    thumbnails="AAAA",
)
BAD = Row(path="x.mp4", status="bad", error="too short (1 frame; 2 needed)", columns=ROW.columns)


def of(*rows: Row, root: Path = Path("/footage")) -> Manifest:
    return Manifest(rows, root)


def labelled(texts: str) -> Manifest:
    return of(*(Row(path=f"{n}", video=f"v{n}", label=t) for n, t in enumerate(texts.split())))


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_what_is_written_is_read_again_to_the_bit(tmp_path: Path, name: str) -> None:
    of(ROW, BAD, root=tmp_path).write(tmp_path / name)
    assert Manifest.read(tmp_path / name).rows == (ROW, BAD)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_file_name_that_is_no_utf8_survives_csv(tmp_path: Path) -> None:
    odd = replace(ROW, path=b"caf\xe9.mp4".decode("utf-8", errors="surrogateescape"))
    of(odd, root=tmp_path).write(tmp_path / "m.csv")
    assert Manifest.read(tmp_path / "m.csv").rows == (odd,)


def test_paths_are_relative_to_the_manifest_and_lead_to_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    here = of(replace(ROW, path="below/v.mp4", near_duplicate_of="w.mp4"), root=tmp_path)
    moved = here.write(tmp_path / "below" / "m.csv")
    assert (moved.rows[0].path, moved.rows[0].near_duplicate_of) == ("v.mp4", f"{tmp_path}/w.mp4")
    again = Manifest.read(tmp_path / "below" / "m.csv").moved(tmp_path)
    assert again.path_of(again.rows[0]) == tmp_path / "below/v.mp4"
    assert again.rows[0].near_duplicate_of == "w.mp4"


def test_usable_rows_are_those_that_are_ok() -> None:
    manifest = of(ROW, BAD, replace(ROW, status="duplicate"))
    assert manifest.usable.rows == (ROW,)
    assert manifest.select(np.array([1, 0])).rows == (BAD, ROW)


def test_numbers_are_ordered_as_numbers_and_words_as_words() -> None:
    assert labelled("10 9 1").classes() == ["1", "9", "10"]
    assert labelled("b 10 a").classes() == ["10", "a", "b"]


def test_labels_of_a_part_keep_the_numbers_of_the_whole() -> None:
    whole = labelled("a b c b")
    part = whole.select([1, 2])
    assert part.labels(classes=whole.classes()).tolist() == [1, 2]
    assert part.labels().tolist() == [0, 1]


def test_a_group_has_all_rows_that_must_not_be_separated() -> None:
    manifest = of(
        Row(path="a", video="1", group="x"),
        Row(path="b", video="2", near_duplicate_of="a"),
        Row(path="c", video="2", group="y"),
        Row(path="d", video="3", near_duplicate_of="elsewhere"),
        Row(path="e", video="4", near_duplicate_of="elsewhere"),
        Row(path="f", video="5", start=0.0, end=1.0),
        Row(path="f", video="5", start=1.0, end=2.0),
        Row(path="g", video="6"),
    )
    groups = manifest.groups
    joined = [[0, 1, 2], [3, 4], [5, 6], [7]]
    expected = [next(n for n, part in enumerate(joined) if at in part) for at in range(8)]
    assert [list(dict.fromkeys(groups)).index(g) for g in groups] == expected
    assert groups[0] == "x"


def test_a_group_called_like_a_file_without_a_group_stays_apart() -> None:
    manifest = of(Row(path="b", video="1", group="a"), Row(path="a", video="2"))
    assert len(set(manifest.groups)) == 2


def test_the_reading_hash_depends_on_what_a_run_reads() -> None:
    rows = (Row(path="a", video="1", label="x"), Row(path="b", video="2", label="y"))
    before = of(*rows).reading_hash("label")
    assert of(*reversed(rows)).reading_hash("label") != before
    assert of(replace(rows[0], label="y"), rows[1]).reading_hash("label") != before
    assert of(replace(rows[0], video="3"), rows[1]).reading_hash("label") != before
    assert of(replace(rows[0], path="c", error="words"), rows[1]).reading_hash("label") == before


def test_the_hash_depends_on_the_footage_and_not_on_its_order() -> None:
    one, two = Row(path="a", video="1"), Row(path="b", video="2")
    assert of(one, two).hash() == of(two, replace(one, path="moved", label="x")).hash()
    assert of(one, two).hash() != of(one, replace(two, end=1.0)).hash()


def test_labelled_rows_are_those_with_a_text_in_the_column(tmp_path: Path) -> None:
    rows = [
        *labelled("a a b b").rows,
        Row(path="z", video="z"),
        replace(BAD, label="a", columns={}),
    ]
    manifest = of(*rows, root=tmp_path)
    assert [row.path for row in manifest.usable.labelled("label").rows] == ["0", "1", "2", "3"]
    manifest.write(tmp_path / "m.csv")
    read = Manifest.read_labelled(tmp_path / "m.csv", "label")
    assert read.column("label") == ["a", "a", "b", "b"]
    of(BAD, root=tmp_path).write(tmp_path / "bad.csv")
    with pytest.raises(InputError, match="has no usable video"):
        Manifest.read_labelled(tmp_path / "bad.csv", "label")


def test_a_manifest_with_the_column_look_is_read_as_before(tmp_path: Path) -> None:
    """Manifests written before the column was renamed have thumbnails in a column look."""
    of(ROW, root=tmp_path).write(tmp_path / "new.csv")
    header, lines = (tmp_path / "new.csv").read_text().split("\n", 1)
    assert header.split(",")[-1] == "thumbnails"
    (tmp_path / "old.csv").write_text(header.removesuffix("thumbnails") + "look\n" + lines)
    assert Manifest.read(tmp_path / "old.csv").rows == (ROW,)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("a a a b", r"label 'b' has 1 row; expected at least 2"),
        ("a a a", r"column 'label' contains only 'a'; expected 2 classes"),
        ("a b c", r"column 'label' has 3 classes for 3 rows"),
    ],
)
def test_labels_that_no_classifier_can_be_trained_with_are_refused(
    texts: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        labelled(texts).require_labels()


def test_missing_labels_are_refused() -> None:
    with pytest.raises(InputError, match="column 'label' is empty"):
        of(Row(path="a")).require_labels()
    with pytest.raises(InputError, match="1 of 5 rows have no label"):
        of(Row(path="z"), *labelled("a a b b").rows).require_labels()
    with pytest.raises(InputError, match=r"0 has label 'a'; expected one of b, c$"):
        labelled("a b").labels(classes=["b", "c"])


GOOD = "path,video,status,frames,rate,decoder"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\nv.mp4,a\n", r"no column 'video'; run `selfvid index \S*m.csv -o"),
        ("film,label\nv.mp4,a\n", r"no column 'path'"),
        ("", r"no column 'path'"),
        (f"{GOOD}\n", r"has no rows"),
        (f"{GOOD}\n\nv,1,ok,many,25,pyav\n", r"line 3: frames is 'many'; expected a whole number"),
        (f"{GOOD}\nv,1,ok,-5,25,pyav\n", r"line 2: frames is '-5'"),
        (f"{GOOD}\nv,1,ok,5,nan,pyav\n", r"line 2: rate is 'nan'; expected a number, 0 or more"),
        (f"{GOOD}\nv,1,fine,5,25,pyav\n", r"status is 'fine'; expected one of ok, duplicate, bad"),
        (f"{GOOD}\n,1,ok,5,25,pyav\n", r"line 2: path is empty"),
        (f"{GOOD},start,end\nv,1,ok,5,25,pyav,4,3\n", r"end is 3.0; expected more than start, 4.0"),
        (f"{GOOD}\nv,1,ok\n", r"line 2 has 3 cells; expected 6"),
        (f"{GOOD},path\n", r"has column 'path' twice"),
    ],
)
def test_a_broken_manifest_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        Manifest.read(tmp_path / "m.csv")
    assert len(str(caught.value).splitlines()) == 1


def test_a_failed_write_leaves_the_old_manifest(tmp_path: Path) -> None:
    of(ROW, root=tmp_path).write(tmp_path / "m.csv")
    broken = replace(ROW, columns={"digit": "\ud800"})  # no encoding has a lone high surrogate
    with pytest.raises(UnicodeEncodeError):
        of(broken, root=tmp_path).write(tmp_path / "m.csv")
    assert Manifest.read(tmp_path / "m.csv").rows == (ROW,)
    assert [file.name for file in tmp_path.iterdir()] == ["m.csv"]
