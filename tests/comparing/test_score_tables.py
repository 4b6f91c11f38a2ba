from pathlib import Path

import numpy as np
import pytest

from selfvid.comparing.score_tables import (
    Scored,
    find_groups,
    left_out,
    matched,
    read_all,
    read_scored,
)
from selfvid.errors import InputError
from selfvid.results.scores import Scores, pooled
from tests.comparing.tables import drawn, shuffled, sure, write_manifest, write_run

VIDEOS, LABELS = ("a", "b", "c", "d"), (0, 1, 2, 0)


def named(name: str, scores: Scores) -> Scored:
    return Scored(name, Path(name), scores)


def test_rows_and_columns_in_another_order_are_the_same_table() -> None:
    first = drawn(VIDEOS, LABELS, seed=0)
    other = shuffled(first, rows=(3, 0, 2, 1), columns=(2, 0, 1))
    assert other.classes != first.classes
    _, found = matched([named("a", first), named("b", other)])
    assert found.scores.videos == VIDEOS
    assert found.scores.classes == first.classes
    assert found.scores.labels.tolist() == list(LABELS)
    np.testing.assert_array_equal(found.scores.probabilities, first.probabilities)


def test_common_videos_are_kept_and_the_others_counted() -> None:
    first, second = drawn(VIDEOS, LABELS, seed=0), drawn((*VIDEOS[1:], "e"), (1, 2, 0, 0), seed=1)
    before = [named("a", first), named("b", second)]
    after = matched(before, common=True)
    assert [each.scores.videos for each in after] == [("b", "c", "d")] * 2
    np.testing.assert_array_equal(after[1].scores.probabilities, second.probabilities[:3])
    assert left_out(before, after) == 2  # a and e


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (drawn(("a", "b", "c", "e"), LABELS, seed=0), "video 'd' of one is not in two (2 differ)"),
        (drawn((*VIDEOS, "e"), (*LABELS, 0), seed=0), "video 'e' of two is not in one (1 differ)"),
        (drawn(VIDEOS, (0, 1, 1, 0), seed=0), "video 'c' is 'push' in one and 'kick' in two"),
        (
            sure((0, 1), (0, 1), classes=("hug", "kick", "punch")),
            "class 'push' of one is not in two",
        ),
        (sure((0, 1), (0, 1)), "one and two have no video in common"),
        (
            sure((0, 1), (0, 1), classes=("hug", "kick", "push", "zap")),
            "class 'zap' of two is not in one",
        ),
    ],
)
def test_the_first_difference_is_named(other: Scores, message: str) -> None:
    with pytest.raises(InputError, match=r".") as caught:
        matched([named("one", drawn(VIDEOS, LABELS, seed=0)), named("two", other)])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_run_without_scores_of_its_own_gives_those_of_its_probe(tmp_path: Path) -> None:
    probed, tuned = sure((0, 1), (0, 1)), sure((1, 1), (0, 1))
    write_run(tmp_path / "run/probe", probed)
    found = read_scored(tmp_path / "run")
    assert found.scores.predicted.tolist() == [0, 1]
    assert found.path == tmp_path / "run/probe/scores.csv"
    write_run(tmp_path / "run", tuned)
    assert read_scored(tmp_path / "run").scores.predicted.tolist() == [1, 1]
    direct = read_scored(tmp_path / "run/probe/scores.csv")
    assert direct.scores.predicted.tolist() == [0, 1]


def test_a_run_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist; expected a run's folder or"):
        read_scored(tmp_path / "none")
    with pytest.raises(InputError, match=r"has no scores; expected scores.csv or probe/scores.csv"):
        read_scored(tmp_path)
    run = write_run(tmp_path / "run", sure((0, 1), (0, 1)))
    with pytest.raises(InputError, match="named twice"):
        read_all([run, run / "../run"])


def test_a_video_in_two_parts_is_refused() -> None:
    with pytest.raises(InputError, match="video 'v0' twice"):
        pooled([sure((0, 1), (0, 1)), sure((0,), (0,))])


def test_groups_come_from_the_manifest_and_hold_segments_together(tmp_path: Path) -> None:
    data = write_manifest(tmp_path / "m.csv", {"v0": "x", "v1": "x", "v2": "y", "v3": ""})
    found = find_groups(("v0@0-1", "v1", "v2", "v0@1-2", "v3"), data)
    assert found.names.tolist()[:4] == ["x", "x", "y", "x"]
    assert found.count == 3
    assert found.caution is None
    with pytest.raises(InputError, match="video 'v9' of the scores is not in"):
        find_groups(("v9",), data)


def test_without_a_manifest_segments_of_one_file_are_a_group() -> None:
    found = find_groups(("v0@0-1", "v0@1-2", "v1"), None)
    assert found.count == 2
    assert "give --data" in str(found.caution)
