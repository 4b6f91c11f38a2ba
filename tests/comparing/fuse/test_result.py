import json
from pathlib import Path

import numpy as np
import pytest

from selfvid.comparing.fuse.result import FusedRow, FuseResult, accuracy_of
from selfvid.comparing.score_tables import Groups, Scored, find_groups
from selfvid.results.scores import Scores
from selfvid.statistics.paired import stand
from tests.comparing.tables import CLASSES, sure

LABELS = [0, 0, 0, 1, 1, 1]


def fused(folder: Path) -> FuseResult:
    """Two of three hugs and all kicks are right; no video shows a push."""
    scores = sure([0, 0, 2, 1, 1, 1], LABELS)
    fusion = Scored("fusion", folder / "scores.csv", scores)
    single = Scored("rgb", folder / "rgb.csv", sure([0] * 6, LABELS))
    groups = find_groups(scores.videos, None)
    standing = stand(fusion.right, single.right, groups.names)
    rows = (
        FusedRow("fusion", accuracy_of(fusion, groups, seed=0), None),
        FusedRow("rgb", accuracy_of(single, groups, seed=0), standing),
    )
    return FuseResult.of(
        scores, rows, heading="what", verdicts=("so",), protocol={"seed": 0}, path=folder / "out"
    )


def test_confusion_and_accuracy_by_class_follow_from_the_scores(tmp_path: Path) -> None:
    result = fused(tmp_path)
    by_hand = np.zeros((3, 3), int)
    for guess, label in zip(result.scores.predicted, LABELS, strict=True):
        by_hand[label, guess] += 1
    assert result.confusion.tolist() == by_hand.tolist()
    assert result.classes == CLASSES
    assert result.per_class[:2] == pytest.approx([2 / 3, 1])
    assert np.isnan(result.per_class[2])


def test_the_table_has_a_difference_for_every_run_but_the_fusion(tmp_path: Path) -> None:
    heading, table, verdicts = str(fused(tmp_path)).split("\n\n")
    _, fusion, single = table.splitlines()
    assert (heading, verdicts) == ("what", "- so")
    assert fusion.split()[:3] == ["fusion", "83.3", "%"]
    assert "points" not in fusion
    assert single.split()[:3] == ["rgb", "50.0", "%"]
    assert "+33.3 points" in single


def test_what_is_written_holds_the_scores_and_no_unknown_numbers(tmp_path: Path) -> None:
    result = fused(tmp_path)
    result.write()
    read = Scores.read(tmp_path / "out/scores.csv")
    np.testing.assert_array_equal(read.probabilities, result.scores.probabilities)
    written = json.loads((tmp_path / "out/result.json").read_text())
    assert written["kind"] == "selfvid fuse"
    assert written["per_class"][2] is None
    assert not {"scores", "path"} & set(written)


def test_an_interval_resamples_groups_as_wholes() -> None:
    guesses, labels = [0, 0, 1, 1, 0, 0, 1, 1], [0] * 8
    scored = Scored("run", Path("scores.csv"), sure(guesses, labels))
    pairs = Groups(np.array(["a", "a", "b", "b", "c", "c", "d", "d"]), "pairs", known=True)
    alone = Groups(np.array(list("abcdefgh")), "each", known=True)
    wide, narrow = (accuracy_of(scored, groups, seed=0) for groups in (pairs, alone))
    assert wide.mean == narrow.mean == 0.5
    assert wide.high - wide.low > narrow.high - narrow.low
