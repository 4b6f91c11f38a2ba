from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from selfvid.probing.baselines.flow_histograms import FlowHistograms
from selfvid.probing.baselines.histograms.variant import NAME as HISTOGRAMS
from selfvid.probing.baselines.metadata import Metadata
from selfvid.probing.comparison import FROZEN, RANDOM, SHUFFLED, START
from selfvid.reports.page import read_page
from selfvid.reports.probed import probed
from selfvid.results.leaks import Footage
from tests.reports.example import a_result, a_row, around, chance_row, write_run

pytestmark = pytest.mark.slow

HELPED = "pretraining helped: +9.0 points [+5.0, +13.0] over random weights"
UNRESOLVED = "unresolved at this size: +1.0 points [-3.0, +5.0] over the encoder at start"
HURT = "pretraining hurt: -9.0 points [-13.0, -5.0] against the encoder at start"


@pytest.mark.parametrize(
    ("verdicts", "tone", "headline"),
    [
        ([HELPED], "good", "Pretraining helped: +9"),
        ([HELPED, UNRESOLVED], "open", "Unresolved at this size: +1"),
        ([HELPED, UNRESOLVED, HURT], "bad", "Pretraining hurt: -9"),
        ([], "open", "The probe does not say"),
    ],
)
def test_headline_is_the_least_favourable_verdict(
    verdicts: list[str], tone: str, headline: str, tmp_path: Path
) -> None:
    probed = read_page(write_run(tmp_path / "ut", verdicts=tuple(verdicts))).probed
    assert probed is not None
    assert probed.tone == tone
    assert probed.headline.startswith(headline)


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"footage": Footage(90, 30, 0, True)}, "30 of 90 test videos were among the unlabelled"),
        (
            {"footage": Footage(90, 30, 0, True, 7)},
            "trained with the labels of 7 of 90 test videos",
        ),
        ({"footage": Footage(90, 0, 12, True)}, "12 test videos share a group with videos"),
        ({"footage": Footage(90, 0, 0, False)}, "does not say which videos"),
        ({"differences": {"metadata": around(0.02)}}, "Metadata leak: .* +2.0 [-3.0, 7.0] points"),
        ({"differences": {"metadata": around(-0.2)}}, "Metadata leak"),
        (
            {"rows": (a_row("encoder", 0.2), chance_row())},
            "not above chance: 20.0 % [15.0, 25.0] compared with 16.7 %",
        ),
    ],
)
def test_what_makes_a_number_invalid_is_a_warning(
    changes: dict[str, Any], warning: str, tmp_path: Path
) -> None:
    probed = read_page(write_run(tmp_path / "ut", **changes)).probed
    assert probed is not None
    (found,) = probed.warnings
    assert re.search(re.escape(warning).replace(r"\.\*", ".*"), found)


def test_clean_result_carries_no_warning(tmp_path: Path) -> None:
    probed = read_page(write_run(tmp_path / "ut")).probed
    assert probed is not None
    assert probed.warnings == ()


def test_every_field_of_a_result_may_be_missing_or_of_another_type(tmp_path: Path) -> None:
    result = write_run(tmp_path / "ut") / "probe/result.json"
    whole = json.loads(result.read_text())
    bare = tmp_path / "bare"
    (bare / "probe").mkdir(parents=True)
    for field in whole:
        for value in (None, "x", [1]):
            (bare / "probe/result.json").write_text(json.dumps(whole | {field: value}))
            page = read_page(bare)  # a section or a note, never a traceback
            assert (page.probed is None) == (len(page.notes) == 1)


def plain(**changes: Any) -> dict[str, Any]:
    """What the file of the probe's result contains."""
    with TemporaryDirectory() as folder:
        path = a_result(**changes).write(Path(folder) / "result.json")
        whole: dict[str, Any] = json.loads(path.read_text())
        return whole


def test_the_row_of_chance_is_recognised_as_the_probe_writes_it() -> None:
    result = plain(rows=(a_row("encoder", 0.2), chance_row()))
    assert result["rows"][1]["name"] != "chance"
    section = probed(result)
    assert section.warnings[0].startswith("The encoder is not above chance")
    bars = probed(plain(rows=(a_row("encoder", 0.2), a_row("no chance row", 1 / 6)))).bars
    assert section.bars.source != bars.source  # a line at the level of chance, and one bar less
    assert section.baselines[-1][1].startswith("always predicting the largest class")


def test_every_row_that_the_probe_writes_has_a_meaning() -> None:
    names = [
        START, RANDOM, FROZEN, SHUFFLED, HISTOGRAMS, Metadata.name, FlowHistograms.name,
        chance_row().name,
    ]  # fmt: skip
    section = probed(plain(rows=tuple(a_row(name, 0.5) for name in ("encoder", *names))))
    assert [name for name, _ in section.baselines] == names
    assert len({meaning for _, meaning in section.baselines}) == len(names)


def test_a_leak_is_shown_also_in_a_result_of_version_0_1() -> None:
    result = plain(footage=Footage(90, 30, 0, True, 7))
    footage = result["footage"]
    footage["taught"] = footage.pop("labels_seen")
    assert probed(result).warnings == (
        "Leak: the encoder was trained with the labels of 7 of 90 test videos.",
    )


def test_the_curve_needs_two_numbers_of_labels() -> None:
    result = plain()
    table = probed(result).curve_table
    assert table is not None
    assert table.head == ("labels per class", "1", "2", "5", "all")
    assert [row[0] for row in table.rows] == [
        "encoder",
        "random weights",
        "optical flow",
        "encoder minus random weights, points",
        "encoder minus optical flow, points",
    ]
    assert [row[1] for row in table.rows] == [
        "30.0 % [25.0, 35.0]",
        "20.0 % [15.0, 25.0]",
        "35.0 % [30.0, 40.0]",
        "+10.0 [5.0, 15.0]",
        "-5.0 [-10.0, 0.0]",
    ]
    assert probed(result).curve_notes[0] == "With 1 label per class, optical flow comes first."
    few = [point for point in result["curve"]["points"] if point["per_class"] in (1, None)]
    section = probed(result | {"curve": result["curve"] | {"points": few}})
    assert section.curve is None
    assert section.curve_table is not None


def test_a_curve_of_version_0_1_had_one_baseline_without_a_name() -> None:
    result = plain()
    curve = {
        "points": [p for p in result["curve"]["points"] if p["variant"] != "optical flow"],
        "differences": [
            {"per_class": d["per_class"], "difference": d["difference"]}
            for d in result["curve"]["differences"]
            if d["variant"] == "random weights"
        ],
        "skipped": [],
    }
    table = probed(result | {"curve": curve}).curve_table
    assert table is not None
    assert table.rows[-1][:2] == ("encoder minus random weights, points", "+10.0 [5.0, 15.0]")


def test_classes_are_ordered_by_accuracy_and_those_without_a_test_video_come_last() -> None:
    result = plain()
    result["per_class"][1] = None
    classes = probed(result).classes
    assert classes is not None
    shares = [row[1] for row in classes.rows]
    assert shares[-1] == "–"
    known = [float(share.split()[0]) for share in shares[:-1]]
    assert known == sorted(known, reverse=True)
