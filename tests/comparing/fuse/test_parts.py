from pathlib import Path

import numpy as np
import pytest

from selfvid.comparing.fuse.command import fuse
from selfvid.comparing.fuse.parts import Part, check_no_leak, pooled_test_scores, read_parts
from selfvid.comparing.score_tables import Scored
from selfvid.errors import InputError
from selfvid.results.scores import Scores
from tests.comparing.fuse.runs import TEST, TRAIN, folded, one_run, pair
from tests.comparing.tables import drawn, shuffled, write_manifest


@pytest.mark.parametrize(
    ("videos", "labels", "message"),
    [
        (TRAIN[:40], [n % 2 for n in range(40)], "class 'push' has no video in"),
        ([*TRAIN[:40], "v3"], [n % 3 for n in range(41)], "'v3' is in .* and in .* on one side"),
    ],
)
def test_training_scores_that_do_not_fit_are_one_line(
    videos: list[str], labels: list[int], message: str, tmp_path: Path
) -> None:
    runs = pair(tmp_path)
    for run in runs:
        drawn(videos, labels, seed=0).write(run / "scores_training.csv")
    with pytest.raises(InputError, match=message):
        fuse(runs, out=tmp_path / "out", how="svm", quiet=True)


def test_a_group_on_both_sides_is_a_leak(tmp_path: Path) -> None:
    groups = {video: f"g{n}" for n, video in enumerate(TRAIN)} | dict.fromkeys(TEST, "g7")
    data = write_manifest(tmp_path / "m.csv", groups)
    with pytest.raises(InputError, match=r"'g7' is in .*scores_training.csv and in .*scores.csv"):
        fuse(pair(tmp_path), out=tmp_path / "out", how="svm", data=data, quiet=True)


def test_runs_of_other_folds_are_refused(tmp_path: Path) -> None:
    runs = [folded(tmp_path / "folded", 0), one_run(tmp_path / "split", 1)]
    with pytest.raises(InputError, match=r"of folds 0, 1, 2 and .* of one split"):
        fuse(runs, out=tmp_path / "out", how="svm", quiet=True)
    with pytest.raises(InputError, match=r"is a file; an SVM needs the run's folder"):
        fuse([runs[1] / "scores.csv", runs[0]], out=tmp_path / "out", how="svm", quiet=True)
    with pytest.raises(InputError, match="does not exist"):
        fuse([runs[1], tmp_path / "none"], out=tmp_path / "out", how="svm", quiet=True)


def test_each_fold_is_a_part_with_the_same_videos_of_every_run(tmp_path: Path) -> None:
    runs = [folded(tmp_path / f"{seed}", seed) for seed in range(2)]
    parts = read_parts(runs)
    assert [part.name for part in parts] == ["0", "1", "2"]
    for number, part in enumerate(parts):
        for file, tables in (("scores_training.csv", part.training), ("scores.csv", part.tested)):
            for run, table in zip(runs, tables, strict=True):
                written = Scores.read(run / f"folds/{number}" / file)
                assert table.scores.videos == written.videos
                np.testing.assert_array_equal(table.scores.probabilities, written.probabilities)


def test_a_run_without_folds_is_one_part(tmp_path: Path) -> None:
    (part,) = read_parts(pair(tmp_path))
    assert (part.name, len(part.training), len(part.tested)) == ("split", 2, 2)
    assert set(part.training[0].scores.videos) == set(TRAIN)
    assert set(part.tested[1].scores.videos) == set(TEST)


def test_videos_that_one_run_lacks_in_a_fold_are_left_out_and_counted(tmp_path: Path) -> None:
    runs = [folded(tmp_path / f"{seed}", seed) for seed in range(2)]
    place = runs[1] / "folds/1/scores.csv"
    table = Scores.read(place)
    count = len(table.videos)
    shuffled(table, rows=range(2, count), columns=(0, 1, 2)).write(place)
    with pytest.raises(InputError, match="expected the same videos, or --common"):
        read_parts(runs)
    parts = read_parts(runs, common=True)
    assert [part.left_out for part in parts] == [0, 2, 0]
    assert parts[1].tested[0].scores.videos == table.videos[2:]


def test_the_folds_of_a_run_are_pooled_in_their_order(tmp_path: Path) -> None:
    runs = [folded(tmp_path / f"{seed}", seed) for seed in range(2)]
    parts = read_parts(runs)
    for run, found in zip(runs, pooled_test_scores(runs, parts), strict=True):
        each = [Scores.read(run / f"folds/{fold}/scores.csv") for fold in range(3)]
        assert found.name == str(run)
        assert found.scores.videos == sum((table.videos for table in each), ())
        rows = np.concatenate([table.probabilities for table in each])
        np.testing.assert_array_equal(found.scores.probabilities, rows)


def test_segments_of_one_file_on_both_sides_are_a_leak() -> None:
    def table(*videos: str) -> tuple[Scored]:
        scores = drawn(videos, [0] * len(videos), seed=0)
        return (Scored("run", Path("scores.csv"), scores),)

    check_no_leak(Part("split", table("a@0-1", "b"), table("c", "d@1-2")), None)
    with pytest.raises(InputError, match=r"'a' is in .*scores.csv and in"):
        check_no_leak(Part("split", table("a@0-1", "b"), table("c", "a@1-2")), None)
