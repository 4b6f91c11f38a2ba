from __future__ import annotations

from pathlib import Path

import pytest

from selfvid.data.indexing.summary import Tally, fault_kind, summarise
from selfvid.data.manifest.manifest import Manifest, Row, Status

OUT = Path("m.csv")


def summary(*rows: Row, tally: Tally | None = None) -> list[str]:
    return summarise(Manifest(rows, Path("/")), tally or Tally(), out=OUT).splitlines()


def good(number: int, *, label: str = "", group: str = "", split: str = "", side: int = 64) -> Row:
    return Row(
        path=f"{number}.mp4",
        video=f"v{number}",
        label=label,
        group=group,
        split=split,
        frames=10 + number,
        duration=60.0,
        bytes=3_000_000,
        width=side,
        height=side,
        decoder="pyav",
        timestamps=number != 0,
    )


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        ("duplicate", "exact duplicate of a.mp4", "exact duplicates"),
        ("bad", "too short (1 frame; 2 needed)", "too short"),
        ("bad", "timed out after 60 s", "timed out"),
        ("bad", "damaged at frame 3 of 9 (no data)", "damaged"),
        ("bad", "reader died (SIGSEGV)", "unreadable"),
    ],
)
def test_errors_are_counted_by_their_kind(status: Status, error: str, kind: str) -> None:
    assert fault_kind(Row(path="a", status=status, error=error)) == kind


def test_rows_are_counted_and_the_first_bad_ones_are_listed() -> None:
    bad = [Row(path=f"b{n}", status="bad", error="not found") for n in range(7)]
    copy = Row(path="c", status="duplicate", error="exact duplicate of 0.mp4")
    lines = summary(good(0), *bad, copy, tally=Tally(reused=4))
    first = "1 of 9 kept (7 not found, 1 exact duplicates); 4 unchanged since last time"
    assert lines[0] == first
    listed = [line for line in lines if line.startswith("bad ")]
    assert len(listed) == 5
    assert lines[lines.index(listed[-1]) + 1].strip() == "and 2 more, in the column error"


def test_amounts_are_those_of_the_videos_and_not_of_their_segments() -> None:
    rows = [good(0), good(1, side=32), good(2, side=32)]
    whole = summary(*rows)
    assert whole[1:3] == [
        "footage    3 min in 9.0 MB, 10 to 12 frames per video",
        "sizes      32x32 (2), 64x64 (1)",
    ]
    assert whole[3].startswith("decoders   pyav reads 3; 1 without usable timestamps")
    assert summary(*rows, rows[0])[1:3] == whole[1:3]


def test_labels_groups_and_splits_are_counted() -> None:
    rows = [
        good(0, label="sit", group="x", split="train"),
        good(1, label="sit", group="x", split="train"),
        good(2, label="walk", group="y", split="test"),
        good(3),
    ]
    lines = summary(*rows)
    assert "labels     2: sit 2, walk 1; 1 without a label" in lines
    assert "groups     2, the largest x with 2; 1 rows in no group" in lines
    assert "splits     train 2, test 1" in lines
    many = summary(*(good(n, label=f"class {n // 2}") for n in range(28)))
    (labels,) = [line for line in many if line.startswith("labels")]
    assert labels.endswith(", and 2 more down to 2")


def test_only_what_there_is_to_note_is_noted() -> None:
    lines = summary(good(0), tally=Tally(ignored=3, gone=1))
    assert [line.split(None, 2)[1] for line in lines if line.startswith("note")] == ["3", "1"]
    assert not [line for line in summary(good(0)) if line.startswith("note")]


def test_the_next_command_is_named_if_there_is_something_to_train_on() -> None:
    labelled = summary(good(0, label="a"))
    assert "selfvid pretrain" in labelled[-1]
    assert "--labels" in summary(good(0))[-1]
    assert summary(Row(path="b", status="bad", error="not found"))[-1] == "written    m.csv"
