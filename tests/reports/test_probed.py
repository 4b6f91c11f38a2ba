from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from selfvid.reports.page import read_page
from selfvid.results.leaks import Footage
from tests.reports.example import a_row, around, chance_row, write_run

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
