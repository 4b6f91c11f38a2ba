from pathlib import Path

import numpy as np
import pytest

from selfvid.comparing.command import compare
from selfvid.comparing.result import ClassRow, absent, by_class, class_table, in_words
from selfvid.comparing.score_tables import Groups, Scored, find_groups
from selfvid.statistics.intervals import Interval
from selfvid.statistics.paired import Standing, stand
from tests.comparing.tables import sure, write_run

CLASSES = ("hug", "kick", "push", "zap")
LABELS = [2, 0, 0, 1, 2, 0, 2, 1]
FIRST = [2, 0, 0, 0, 2, 0, 2, 1]
SECOND = [2, 1, 0, 1, 0, 1, 0, 1]


def scored(guesses: list[int]) -> Scored:
    return Scored("run", Path("scores.csv"), sure(guesses, LABELS, classes=CLASSES))


def rows(*, seed: int = 0) -> list[ClassRow]:
    groups = find_groups(scored(FIRST).scores.videos, None)
    return by_class(scored(FIRST), scored(SECOND), groups, seed=seed)


def test_a_class_is_compared_on_its_own_videos_alone() -> None:
    for row in rows():
        of_class = [place for place, label in enumerate(LABELS) if CLASSES[label] == row.name]
        one, two = (
            np.array([guesses[place] == LABELS[place] for place in of_class])
            for guesses in (FIRST, SECOND)
        )
        assert (row.first, row.second) == (one.mean(), two.mean())
        alone = stand(one, two, np.array([f"v{place}" for place in of_class]))
        assert row.standing == alone


def test_gains_come_first_and_classes_without_videos_not_at_all() -> None:
    found = rows()
    gaps = [row.standing.difference.mean for row in found]
    assert gaps == sorted(gaps, reverse=True)
    assert {row.name for row in found} == {"hug", "kick", "push"}
    assert absent(scored(FIRST)) == ("zap",)


def test_the_correction_multiplies_the_smallest_p_value_by_the_number_of_classes() -> None:
    found = sorted(rows(), key=lambda row: row.standing.p)
    assert found[0].p_holm == pytest.approx(min(1, 3 * found[0].standing.p))
    corrected = [row.p_holm for row in found]
    assert corrected == sorted(corrected)
    assert all(row.p_holm >= row.standing.p for row in found)


def row_of(name: str, gap: float, p: float, *, corrected: float) -> ClassRow:
    ends = Interval(gap - 0.01, gap, gap + 0.01)
    standing = Standing(ends, p=p, p_videos=p, only_first=0, only_second=0, videos=9, groups=9)
    return ClassRow(name, 0.5 + gap / 2, 0.5 - gap / 2, standing, corrected)


def test_words_count_classes_before_and_after_the_correction() -> None:
    made = [
        row_of("up", 0.3, 0.001, corrected=0.003),
        row_of("lucky", 0.2, 0.04, corrected=0.08),
        row_of("level", 0.1, 0.5, corrected=0.5),
        row_of("down", -0.3, 0.002, corrected=0.004),
    ]
    first, _, last = in_words(made, ("zap", "zip"))
    assert first == (
        "of 4 classes 2 gain and 1 lose, each taken by itself; after Holm's correction 2 remain: "
        "up, down"
    )
    assert last == "no test video of zap, zip"
    assert len(in_words(made, ())) == 2


@pytest.mark.parametrize("count", [30, 31])
def test_a_table_is_cut_in_the_middle_only_if_it_is_longer_than_both_ends(count: int) -> None:
    made = tuple(row_of(f"class {n}", 0.1, 0.1, corrected=0.1) for n in range(count))
    head, *lines = class_table(made).splitlines()
    assert head.split()[:2] == ["class", "videos"]
    assert len(lines) == (30 if count == 30 else 31)
    assert ("... 1 more in result.json" in lines) == (count == 31)
    assert lines[-1].startswith(f"class {count - 1}")


def test_a_group_of_several_videos_counts_once() -> None:
    names = np.array(["a", "b", "b", "c", "d", "b", "e", "c"])
    found = by_class(scored(FIRST), scored(SECOND), Groups(names, "by hand", known=True))
    (hug,) = (row for row in found if row.name == "hug")
    assert (hug.standing.videos, hug.standing.groups) == (3, 1)


def test_middle_of_very_many_classes_is_left_to_the_file(tmp_path: Path) -> None:
    labels = list(range(40)) * 2
    names = [f"class {k}" for k in range(40)]
    pair = [
        write_run(
            tmp_path / f"{shift}", sure([y % (40 - shift) for y in labels], labels, classes=names)
        )
        for shift in (0, 9)
    ]
    result = compare(*pair, quiet=True)
    assert len(result.classes) == 40
    assert "... 10 more in result.json" in str(result)
