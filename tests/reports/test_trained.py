from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfvid.reports.trained import checked_summary, exported, footage, trained
from tests.reports.example import a_card, history, summary, write_run
from tests.reports.shape import page_of


def test_collapse_is_shown_as_a_warning(tmp_path: Path) -> None:
    run = write_run(tmp_path / "ut")
    changed = summary(words=["The encoder collapsed: vectors vary along one line."])
    (run / "summary.json").write_text(json.dumps(changed))
    assert '<p class="warn">The encoder collapsed' in page_of(run)


def test_a_run_without_summary_and_history_has_no_section() -> None:
    assert trained(None, []) is None
    alone = trained(None, history())
    assert alone is not None
    assert (alone.words, alone.facts, alone.bad) == ((), (), False)
    assert len(alone.images) == 4  # the loss, and three collapse measures


def test_facts_are_those_of_the_summary() -> None:
    section = trained(summary(steps=1234, seconds=50.0, clips=25_600), [])
    assert section is not None
    facts = dict(section.facts)
    assert facts["steps"] == "1,234"
    assert facts["clips per second"] == f"{25_600 / 50:.0f}"
    assert facts["last near"] == "0.05"
    assert section.images == ()


def test_one_logged_step_is_no_curve() -> None:
    section = trained(None, history()[:1])
    assert section is not None
    assert section.images == ()


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({}, {"videos": "120", "length": "1 h 15 min", "clips drawn": "25,600 (12.5 epochs)"}),
        ({"generated": "digits"}, {"generated": "digits"}),
        ({"faults": 3, "epochs": 1}, {"clips that could not be read": "3"}),
        ({"faults": [f"clip {n}" for n in range(9)]}, {"clips that could not be read": "9"}),
    ],
)
def test_the_videos_of_training_are_described(
    changes: dict[str, Any], facts: dict[str, str]
) -> None:
    found = footage(summary(**changes))
    assert facts.items() <= dict(found).items()
    assert sum(name == "such as" for name, _ in found) == min(
        5, len(changes.get("faults", ["one"])) if changes.get("faults") != 3 else 0
    )
    assert ("videos" in dict(found)) == ("generated" not in changes)


@pytest.mark.parametrize("missing", ["steps", "seconds", "clips", "videos", "faults", "words"])
def test_a_summary_without_a_field_is_damaged(missing: str) -> None:
    whole = summary()
    assert checked_summary(whole) is whole
    del whole[missing]
    with pytest.raises(KeyError, match=missing):
        checked_summary(whole)


def test_an_export_is_shown_with_its_difference_and_the_clips_of_the_comparison() -> None:
    assert exported("onnx", a_card()).rows == (
        ("onnx", "B × T × 3 × 64 × 64", "3e-07", "2 × 8, 3 × 11"),
    )
