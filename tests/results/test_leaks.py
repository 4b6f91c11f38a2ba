from pathlib import Path

import pytest

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import Row
from selfvid.results.leaks import Footage, relate_footage

# Groups: a and b; c with its near duplicate d; e alone, and two segments of f.
ROWS = (
    Row(path="a", video="A", group="1"),
    Row(path="b", video="B", group="1"),
    Row(path="c", video="C", group="2"),
    Row(path="d", video="D", group="3", near_duplicate_of="c"),
    Row(path="e", video="E", group="4"),
    Row(path="f", video="F", group="5", start=0.0, end=1.0),
    Row(path="f", video="F", group="5", start=1.0, end=2.0),
)
ALL = Manifest(ROWS, Path())


def related(tested: tuple[Row, ...], footage: str, *, labelled: str = "") -> Footage:
    return relate_footage(ALL, tested, list(footage), labelled=list(labelled))


def test_test_videos_that_were_trained_on_are_seen_and_their_group_is_near() -> None:
    assert related(ROWS[:2], "A") == Footage(tested=2, seen=1, same_group=1, known=True)
    assert related(ROWS[4:5], "A") == Footage(tested=1, seen=0, same_group=0, known=True)


@pytest.mark.parametrize(("trained", "tested"), [("C", ROWS[3]), ("D", ROWS[2])])
def test_a_near_duplicate_counts_as_seen_in_both_directions(trained: str, tested: Row) -> None:
    assert related((tested,), trained).seen == 1


def test_segments_of_a_video_are_seen_together_and_counted_by_themselves() -> None:
    found = related(ROWS[5:6], "F")
    assert (found.tested, found.seen) == (1, 1)
    assert related(ROWS[5:], "F").seen == 2


def test_labels_count_apart_from_footage() -> None:
    found = related(ROWS, "ABF", labelled="B")
    assert (found.tested, found.seen, found.labels_seen) == (7, 4, 1)


def test_an_encoder_is_known_by_its_footage_or_its_generator() -> None:
    assert not related(ROWS, "").known
    assert relate_footage(ALL, ROWS, [], generated="digits").known
    assert relate_footage(ALL, ROWS, [], generated="digits").seen == 0


def test_parts_are_summed_and_known_only_if_all_are() -> None:
    parts = [Footage(3, 1, 2, True, 1), Footage(5, 4, 0, True, 2)]
    assert Footage.summed(parts) == Footage(8, 5, 2, True, 3)
    assert not Footage.summed([*parts, Footage(1, 0, 0, False)]).known
