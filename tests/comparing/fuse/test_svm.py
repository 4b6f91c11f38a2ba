from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from selfvid.comparing.fuse.command import fuse
from selfvid.comparing.fuse.svm import GRID, choose_c, stacked
from selfvid.results.scores import Scores
from tests.comparing.fuse.runs import TEST, TEST_LABELS, TRAIN, TRAIN_LABELS, folded, pair
from tests.comparing.tables import shuffled, write_manifest


def test_test_labels_have_no_part_in_what_is_predicted(tmp_path: Path) -> None:
    others = np.random.default_rng(0).permutation(TEST_LABELS).tolist()
    true = fuse(pair(tmp_path / "true"), out=tmp_path / "a", how="svm", quiet=True)
    false = fuse(pair(tmp_path / "false", others), out=tmp_path / "b", how="svm", quiet=True)
    assert true.scores.labels.tolist() != false.scores.labels.tolist()
    np.testing.assert_array_equal(true.scores.probabilities, false.scores.probabilities)
    assert true.protocol["method"]["svm"] == false.protocol["method"]["svm"]


def test_training_labels_have(tmp_path: Path) -> None:
    runs = pair(tmp_path)
    before = fuse(runs, out=tmp_path / "a", how="svm", quiet=True)
    turned = [(label + 1) % 3 for label in TRAIN_LABELS]
    for run in runs:
        table = Scores.read(run / "scores_training.csv")
        Scores(table.videos, np.array(turned), table.classes, table.probabilities).write(
            run / "scores_training.csv"
        )
    after = fuse(runs, out=tmp_path / "b", how="svm", quiet=True)
    np.testing.assert_array_equal(after.scores.predicted, (before.scores.predicted + 1) % 3)


def test_votes_are_those_of_a_svm_on_normalised_scores_side_by_side(tmp_path: Path) -> None:
    runs = pair(tmp_path)
    result = fuse(runs, out=tmp_path / "out", how="svm", quiet=True)
    rows = {}
    for file in ("scores_training.csv", "scores.csv"):
        tables = [Scores.read(run / file).probabilities for run in runs]
        rows[file] = np.array(
            [
                np.concatenate([table[n] / np.sqrt((table[n] ** 2).sum()) for table in tables])
                for n in range(len(tables[0]))
            ]
        )
    (fitted,) = result.protocol["method"]["svm"]
    assert fitted["c"] in GRID
    model = LinearSVC(C=fitted["c"], dual=False, max_iter=10_000)
    model.fit(rows["scores_training.csv"], TRAIN_LABELS)
    values = model.decision_function(rows["scores.csv"])
    np.testing.assert_array_equal(result.scores.predicted, values.argmax(1))
    expected = np.exp(values) / np.exp(values).sum(1, keepdims=True)
    np.testing.assert_allclose(result.scores.probabilities, expected, atol=1e-9)
    assert any("no calibrated probabilities" in verdict for verdict in result.verdicts)


def test_every_fold_is_decided_by_its_own_training_scores(tmp_path: Path) -> None:
    runs = [folded(tmp_path / f"{seed}", seed) for seed in range(2)]
    result = fuse(runs, out=tmp_path / "out", how="svm", quiet=True)
    assert sorted(result.scores.videos) == sorted(TEST)
    assert [fit["part"] for fit in result.protocol["method"]["svm"]] == ["0", "1", "2"]
    # One fold alone, laid out as a run of one split, is decided alike.
    alone = [run / "folds/1" for run in runs]
    one = fuse(alone, out=tmp_path / "one", how="svm", quiet=True)
    rows = [result.scores.videos.index(video) for video in one.scores.videos]
    np.testing.assert_array_equal(result.scores.probabilities[rows], one.scores.probabilities)
    # Another fold's training scores change nothing in it.
    other = runs[0] / "folds/2/scores_training.csv"
    table = Scores.read(other)
    Scores(
        table.videos, table.labels, table.classes, np.roll(table.probabilities, 1, axis=1)
    ).write(other)
    again = fuse(runs, out=tmp_path / "out", how="svm", quiet=True)
    np.testing.assert_array_equal(again.scores.probabilities[rows], one.scores.probabilities)
    assert not np.array_equal(again.scores.probabilities, result.scores.probabilities)


def test_order_of_rows_and_classes_in_a_file_changes_nothing(tmp_path: Path) -> None:
    runs = pair(tmp_path)
    before = fuse(runs, out=tmp_path / "a", how="svm", quiet=True)
    for file, count in (("scores.csv", 30), ("scores_training.csv", 60)):
        table = Scores.read(runs[1] / file)
        shuffled(table, rows=range(count)[::-1], columns=(1, 2, 0)).write(runs[1] / file)
    after = fuse(runs, out=tmp_path / "b", how="svm", quiet=True)
    np.testing.assert_array_equal(before.scores.probabilities, after.scores.probabilities)


def test_two_classes_share_a_plane(tmp_path: Path) -> None:
    for seed in range(2):
        for file, count in (("scores.csv", 20), ("scores_training.csv", 40)):
            labels = np.arange(count) % 2
            share = np.clip(0.5 + 0.3 * (2 * labels - 1), 0, 1)
            place = tmp_path / f"{seed}"
            place.mkdir(exist_ok=True)
            names = tuple(f"{file[6]}{n}" for n in range(count))
            Scores(names, labels, ("no", "yes"), np.stack((1 - share, share), 1)).write(
                place / file
            )
    result = fuse([tmp_path / "0", tmp_path / "1"], out=tmp_path / "out", how="svm", quiet=True)
    assert result.rows[0].accuracy.mean == 1


def test_a_stack_has_rows_of_length_one_for_each_run() -> None:
    tables = [np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([[0.2, 0.8], [1.0, 0.0]])]
    found = stacked(tables)
    first = [share / (0.9**2 + 0.1**2) ** 0.5 for share in (0.9, 0.1)]
    second = [share / (0.2**2 + 0.8**2) ** 0.5 for share in (0.2, 0.8)]
    assert found[0] == pytest.approx([*first, *second])
    assert (found**2).sum(1) == pytest.approx([2, 2])


def test_c_is_not_chosen_where_there_are_too_few_groups() -> None:
    features = np.random.default_rng(0).normal(size=(12, 4))
    labels = np.arange(12) % 3
    c, how = choose_c(features, labels, np.arange(12) // 6)
    assert (c, how) == (1.0, "default: fewer than 3 groups of some class")


def test_inner_folds_keep_the_groups_of_the_manifest(tmp_path: Path) -> None:
    groups = {video: f"train {n % 2}" for n, video in enumerate(TRAIN)} | dict.fromkeys(
        TEST, "test"
    )
    data = write_manifest(tmp_path / "m.csv", groups)
    runs = pair(tmp_path)
    grouped = fuse(runs, out=tmp_path / "a", how="svm", data=data, quiet=True)
    (fit,) = grouped.protocol["method"]["svm"]
    assert fit["how"] == "default: fewer than 3 groups of some class"
    assert any("C of 1 of 1 SVMs is the default" in verdict for verdict in grouped.verdicts)
    (fit,) = fuse(runs, out=tmp_path / "b", how="svm", quiet=True).protocol["method"]["svm"]
    assert fit["how"] == "chosen by 3 inner folds"
