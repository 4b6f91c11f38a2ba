"""The section of the page about the results of finetune, fuse, compare and detect eval."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selfvid.comparing.fuse.result import KIND as FUSE
from selfvid.comparing.result import AXIS
from selfvid.comparing.result import KIND as COMPARE
from selfvid.detecting.result import KIND as DETECT
from selfvid.detecting.result import TIMELINES
from selfvid.finetuning.result import KIND as FINETUNE
from selfvid.pictures import Bar, confusion, differences
from selfvid.reports.sections import Evaluated, Image, Table, Tone, ends, percent, signed
from selfvid.statistics.paired import chance_in_words

Plain = dict[str, Any]

LEVEL = 0.05  # p-values below it count as a clear difference, as the 95 % intervals do
LEAK = "leak"
# The colour of the headline, by the beginning of the first verdict.
TONES: dict[str, Tone] = {"better": "good", "worse": "bad", LEAK: "bad"}


def evaluated(
    result: Plain, *, picture: Callable[[str], bytes | None] = lambda _: None
) -> Evaluated | None:
    """Return the section about a folder's ``result.json``; None if it is of another kind.

    Args:
        result: the content of the file.
        picture: returns the PNG of that name from the same folder, or None if there is none.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: If the file is not as `finetune`,
            `fuse`, `compare` or `detect eval` write it.
    """
    kind = str(result.get("kind"))
    if kind == DETECT:
        return _detected(result, picture)
    make = KINDS.get(kind)
    return None if make is None else make(result)


def _fused(result: Plain) -> Evaluated:
    return _section(
        result,
        title="Fusion",
        tables=(("", _fused_table(result["rows"])), ("By class", _by_class(result))),
        images=(_confusion(result),),
    )


def _finetuned(result: Plain) -> Evaluated:
    second = result.get("second")
    others = () if second is None else (("Second data set, by class", _by_class(second)),)
    pictures = () if second is None else (_confusion(second, caption="Second data set"),)
    return _section(
        result,
        title="Test",
        tables=(("By class", _by_class(result)), *others),
        images=(_confusion(result), *pictures),
    )


def _by_class(result: Plain) -> Table:
    classes = zip(result["classes"], result["per_class"], result["confusion"], strict=True)
    return Table(
        ("class", "accuracy", "test videos"),
        tuple((str(name), percent(share), str(sum(row))) for name, share, row in classes),
    )


def _confusion(result: Plain, *, caption: str = "") -> Image:
    classes = [str(name) for name in result["classes"]]
    return Image.of(
        confusion(result["confusion"], classes),
        "Confusion matrix: true classes in rows, predicted classes in columns.",
        caption=caption,
    )


def _fused_table(rows: list[Plain]) -> Table:
    return Table(
        head=("", "accuracy", "95 % interval", "fusion minus it, points", "exact test"),
        rows=tuple(
            (
                str(row["name"]),
                percent(row["accuracy"]["mean"]),
                ends(row["accuracy"]),
                *_against(row["standing"]),
            )
            for row in rows
        ),
        strong=0,
    )


def _compared(result: Plain) -> Evaluated:
    runs, classes = result["runs"], result["classes"]
    overall = Table(
        head=("", "accuracy", "95 % interval", "right", "right when the other is wrong"),
        rows=tuple(
            (
                str(run["name"]),
                percent(run["accuracy"]["mean"]),
                ends(run["accuracy"]),
                f"{run['right']:,}",
                f"{run['right_alone']:,}",
            )
            for run in runs
        ),
        strong=0,
    )
    by_class = Table(
        head=("class", "videos", "first", "second", "difference, points", "exact test", "Holm"),
        rows=tuple(
            (
                str(row["name"]),
                str(row["standing"]["videos"]),
                percent(row["first"]),
                percent(row["second"]),
                *_against(row["standing"]),
                chance_in_words(row["p_holm"]),
            )
            for row in classes
        ),
    )
    picture = differences([_bar(row) for row in classes], title=AXIS)
    return _section(
        result,
        title="Comparison",
        tables=(("", overall), ("By class", by_class)),
        images=(
            Image.of(picture, "Difference of the first and the second run by class, as bars."),
        ),
    )


def _detected(result: Plain, picture: Callable[[str], bytes | None]) -> Evaluated:
    names = [Path(str(name)).name for name in result["pictures"]]
    found = [(name, picture(f"{TIMELINES}/{name}")) for name in names]
    return _section(
        result,
        title="Detection",
        tables=(
            ("", _detection_table(result["rows"])),
            ("mAP at tIoU 0.5 by mean filter and threshold", _sweep_table(result["sweep"])),
            ("By activity", _activity_table(result["activities"])),
        ),
        images=tuple(
            Image.from_png(data, f"Timeline {name}: truth, prediction, probabilities.")
            for name, data in found
            if data is not None
        ),
    )


def _detection_table(rows: list[Plain]) -> Table:
    overlaps = [str(overlap) for overlap in rows[0]["detection"]]
    return Table(
        head=(
            "",
            *(cell for overlap in overlaps for cell in (f"mAP@{overlap}", "95 % interval")),
            "detector minus it at 0.5",
            "mAP of whole videos",
            "hit@3",
        ),
        rows=tuple(
            (
                str(row["name"]),
                *(
                    cell
                    for overlap in overlaps
                    for cell in (
                        percent(row["detection"][overlap]["mean"]),
                        ends(row["detection"][overlap]),
                    )
                ),
                signed(row["detector_over_it"]["0.5"]) if row["detector_over_it"] else "–",
                percent(row["classification"]),
                percent(row["hit_at_3"]),
            )
            for row in rows
        ),
        strong=0,
    )


def _sweep_table(sweep: list[Plain]) -> Table:
    smooths = list(dict.fromkeys(int(each["smooth"]) for each in sweep))
    alphas = list(dict.fromkeys(float(each["alpha"]) for each in sweep))
    found = {(int(each["smooth"]), float(each["alpha"])): each["precision"] for each in sweep}
    return Table(
        ("alpha", *(f"k = {smooth}" for smooth in smooths)),
        tuple(
            (f"{alpha:g}", *(percent(found[smooth, alpha]) for smooth in smooths))
            for alpha in alphas
        ),
    )


def _activity_table(rows: list[Plain]) -> Table:
    return Table(
        ("activity", "average precision at 0.5", "true segments", "detected segments"),
        tuple(
            (str(row["label"]), percent(row["precision"]), f"{row['shown']:,}", f"{row['found']:,}")
            for row in rows
        ),
    )


def _section(
    result: Plain,
    *,
    title: str,
    tables: tuple[tuple[str, Table], ...],
    images: tuple[Image, ...],
) -> Evaluated:
    """Return the section: the first verdict is the headline, and the others are listed.

    A leak is always the headline, because the figures mean nothing then.
    """
    verdicts = [str(verdict) for verdict in result["verdicts"]]
    headline, *others = sorted(verdicts, key=lambda verdict: not verdict.startswith(LEAK))
    tones = [tone for beginning, tone in TONES.items() if headline.startswith(beginning)]
    return Evaluated(
        title=title,
        headline=f"{headline[:1].upper()}{headline[1:]}.",
        tone=tones[0] if tones else "open",
        heading=str(result["heading"]),
        tables=tables,
        images=images,
        verdicts=tuple(others),
        protocol=json.dumps(result["protocol"], indent=2, ensure_ascii=False),
        command=str(result["protocol"]["command"]),
    )


def _bar(row: Plain) -> Bar:
    """Return the bar of a class; coloured if both interval and test show a difference."""
    gap, p = row["standing"]["difference"], float(row["standing"]["p"])
    low, high = gap["low"], gap["high"]
    if low is None or high is None:
        return Bar(str(row["name"]), float(gap["mean"]))
    clear = (low > 0 or high < 0) and p < LEVEL
    return Bar(str(row["name"]), float(gap["mean"]), float(low), float(high), strong=clear)


def _against(standing: Plain | None) -> tuple[str, str]:
    """Return the cells of a comparison: the difference, and the p-value of the exact test."""
    if standing is None:
        return "–", "–"
    return signed(standing["difference"]), chance_in_words(standing["p"])


# At the end, because it names functions.
KINDS: dict[str, Callable[[Plain], Evaluated]] = {
    FINETUNE: _finetuned,
    FUSE: _fused,
    COMPARE: _compared,
}
