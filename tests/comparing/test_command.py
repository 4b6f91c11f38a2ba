from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from selfvid.cli.commands import main
from selfvid.comparing.command import compare
from selfvid.comparing.fuse.command import fuse
from selfvid.comparing.result import CompareResult
from selfvid.errors import InputError
from tests.comparing.tables import sure, write_manifest, write_run

# hug: nine of ten against two of ten; kick: five each; push: four against six; zap: never shown.
CLASSES = ("hug", "kick", "push", "zap")
LABELS = [0] * 10 + [1] * 10 + [2] * 10
FIRST = [0] * 9 + [1] + [1] * 5 + [0] * 5 + [2] * 4 + [3] * 6
SECOND = [0, 0] + [1] * 8 + [2] * 5 + [1] * 5 + [2] * 6 + [0] * 4


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    first = write_run(tmp_path / "first", sure(FIRST, LABELS, classes=CLASSES))
    return first, write_run(tmp_path / "second/probe", sure(SECOND, LABELS, classes=CLASSES))


def compared(pair: tuple[Path, Path], **more: object) -> CompareResult:
    first, second = pair
    return compare(first, second, quiet=True, **more)  # type: ignore[arg-type]


def test_counts_and_test_are_those_of_a_hand(pair: tuple[Path, Path]) -> None:
    result = compared(pair)
    right = [(a == y, b == y) for a, b, y in zip(FIRST, SECOND, LABELS, strict=True)]
    alone = [right.count((True, False)), right.count((False, True))]
    assert alone == [12, 7]
    assert [run.right_alone for run in result.runs] == alone
    assert [run.right for run in result.runs] == [18, 13]
    assert [run.accuracy.mean for run in result.runs] == pytest.approx([18 / 30, 13 / 30])
    wanted = binomtest(alone[0], sum(alone)).pvalue
    # The same by hand: both tails of so many fair coins.
    tails = sum(math.comb(19, heads) for heads in range(8)) * 2 / 2**19
    assert wanted == pytest.approx(tails)
    assert result.standing.p == result.standing.p_videos == pytest.approx(wanted)
    assert result.verdicts[0].startswith("unresolved at this size: ")


def test_classes_go_from_the_largest_gain_to_the_largest_loss(pair: tuple[Path, Path]) -> None:
    result = compared(pair)
    gaps = [(row.name, row.standing.difference.mean) for row in result.classes]
    assert [name for name, _ in gaps] == ["hug", "kick", "push"]
    assert [gap for _, gap in gaps] == pytest.approx([0.7, 0.0, -0.2])
    hug = result.classes[0]
    assert (hug.first, hug.second, hug.standing.videos) == (0.9, 0.2, 10)
    assert hug.standing.p == pytest.approx(2 / 2**7)
    assert hug.p_holm == pytest.approx(3 * 2 / 2**7)
    assert any(verdict.startswith("of 3 classes 1 gain and 0 lose") for verdict in result.verdicts)
    assert any("after Holm's correction 1 remain: hug" in verdict for verdict in result.verdicts)


def test_a_class_without_videos_is_said_so(pair: tuple[Path, Path]) -> None:
    result = compared(pair)
    assert result.absent == ("zap",)
    assert "no test video of zap" in result.verdicts


def test_interval_of_a_class_resamples_the_groups_of_its_videos(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    groups = {f"v{n}": f"g{n // 2}" for n in range(30)}
    data = write_manifest(tmp_path / "m.csv", groups)
    result = compared(pair, data=data, seed=5)
    gaps = np.array([(a == 0) - float(b == 0) for a, b in zip(FIRST, SECOND, strict=True)])[:10]
    means, rng = [], np.random.default_rng(5)
    for _ in range(2000):
        drawn = rng.integers(5, size=5)
        means.append(np.mean([gaps[2 * g : 2 * g + 2].mean() for g in drawn]))
    hug = result.classes[0].standing
    assert hug.groups == 5
    assert hug.difference.low == pytest.approx(np.quantile(means, 0.025), abs=0.051)
    assert hug.difference.high == pytest.approx(np.quantile(means, 0.975), abs=0.051)
    # Five groups, four of which differ, cannot reach 5 %: 2 / 2^4.
    assert not hug.resolved
    assert result.standing.groups == 15


def test_swapping_the_runs_turns_every_sign(pair: tuple[Path, Path]) -> None:
    there, back = compared(pair), compared((pair[1], pair[0]))
    assert back.standing.difference.mean == -there.standing.difference.mean
    assert back.standing.difference.low == pytest.approx(-there.standing.difference.high)
    assert back.standing.p == there.standing.p
    assert [row.name for row in back.classes] == ["push", "kick", "hug"]


def test_folder_holds_result_and_picture(pair: tuple[Path, Path], tmp_path: Path) -> None:
    result = compared(pair, out=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "per_class.png",
        "result.json",
    ]
    written = json.loads((tmp_path / "out/result.json").read_text())
    assert written["kind"] == "selfvid compare"
    assert written["standing"]["p"] == result.standing.p
    assert [row["name"] for row in written["classes"]] == ["hug", "kick", "push"]
    assert written["protocol"]["command"].startswith("selfvid compare ")
    compared(pair, out=tmp_path / "out")  # its own result it replaces
    with pytest.raises(InputError, match=r"holds a result.json that no selfvid fuse"):
        fuse(list(pair), out=tmp_path / "out", quiet=True)


def test_nothing_is_written_without_a_folder(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as stopped:
        main(["compare", *map(str, pair)])
    assert stopped.value.code == 0
    assert "+70.0 points" in capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("turned", [False, True])
def test_runs_that_differ_are_one_line(
    turned: bool, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    shorter = write_run(tmp_path / "shorter", sure(FIRST[:-1], LABELS[:-1], classes=CLASSES))
    both = (shorter, pair[0]) if turned else (pair[0], shorter)
    with pytest.raises(InputError, match=r"video 'v29' of .*first is not in .*shorter"):
        compared(both)
    result = compared(both, common=True)
    assert result.standing.videos == 29
    assert "1 videos that one run lacks were left out" in result.verdicts
