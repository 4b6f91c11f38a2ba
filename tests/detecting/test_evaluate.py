from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfvid.detecting.evaluate import detect_eval
from selfvid.errors import InputError
from selfvid.reports.page import report
from tests.detecting.runs import LEARNT, train_run

pytestmark = pytest.mark.slow


def test_activities_that_differ_in_brightness_are_found(evaluated: Path) -> None:
    result = json.loads((evaluated / "result.json").read_text())
    detector, *baselines = result["rows"]
    assert detector["detection"]["0.5"]["mean"] > 0.9
    assert all(baseline["detection"]["0.5"]["mean"] < 0.5 for baseline in baselines)
    assert result["verdicts"][0].startswith("better than")
    assert {row["label"]: row["shown"] for row in result["activities"]} == {"bright": 4, "grey": 4}
    assert len(result["sweep"]) == 9
    assert result["protocol"]["command"].startswith(f"selfvid detect eval {evaluated} --smooth 1")


def test_activities_may_overlap(
    stream_encoder: Path, annotated: Path, store: Path, tmp_path: Path
) -> None:
    run = train_run(
        stream_encoder, annotated, tmp_path / "run", store, assume="overlapping", steps=LEARNT
    )
    result = detect_eval(
        run, smooth=0, alpha=0.5, alphas={"grey": 0.4}, seeds=1, pictures=1, quiet=True
    )
    assert result.rows[0].detection["0.5"].mean > 0.8


def test_a_run_is_compared_with_another_on_the_same_videos(
    evaluated: Path,
    stream_encoder: Path,
    annotated: Path,
    without_split: Path,
    store: Path,
    tmp_path: Path,
) -> None:
    hasty = train_run(stream_encoder, annotated, tmp_path / "hasty", store, steps=1)
    words: dict[str, Any] = {"smooth": 1, "alpha": 0.5, "pictures": 0, "seeds": 1, "quiet": True}
    plain = detect_eval(hasty, **words).rows[0]
    result = detect_eval(evaluated, against=[hasty, evaluated], **words)
    *_, other, itself = result.rows
    assert (other.name, other.detection) == (str(hasty), plain.detection)
    assert other.detector_over_it is not None
    assert other.detector_over_it["0.5"].low > 0
    assert itself.detector_over_it is not None
    assert itself.detector_over_it["0.5"].mean == 0
    assert result.verdicts[1].startswith(f"better than {hasty} at tIoU 0.5: +")
    assert result.verdicts[2].startswith(f"no clear difference from {evaluated} at tIoU 0.5: ")
    assert str(hasty) in report(evaluated, quiet=True).read_text()
    by_day = train_run(stream_encoder, without_split, tmp_path / "by_day", store, folds=2)
    with pytest.raises(InputError, match=r"was tested on 8 videos .* expected 2 of bright, grey"):
        detect_eval(evaluated, against=by_day, **words)
    with pytest.raises(InputError, match=r"was not tested on '\d.mp4' with the same annotations"):
        detect_eval(by_day, against=evaluated, **words)
