"""What finetuning, fusing and comparing found, as the page shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from selfvid.evaluation.comparing.result import AXIS
from selfvid.evaluation.comparing.result import KIND as COMPARE
from selfvid.evaluation.finetuning.result import KIND as FINETUNE
from selfvid.evaluation.fusing.result import KIND as FUSE
from selfvid.evaluation.paired import chance_in_words
from selfvid.pictures import Bar, confusion, differences
from selfvid.reports.sections import Evaluated, Image, Tone
from selfvid.reports.table import Table, ends, percent, signed

Plain = dict[str, Any]

TONES: dict[str, Tone] = {"better": "good", "worse": "bad"}


def evaluated(result: Plain) -> Evaluated | None:
    """The section about a folder's ``result.json``; None where it is of another kind.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: where it is not as `finetune`, `fuse`
            or `compare` write it.
    """
    make = KINDS.get(str(result.get("kind")))
    return None if make is None else make(result)


def _fused(result: Plain) -> Evaluated:
    return _section(
        result,
        title="Fusion",
        tables=(("", _fused_table(result["rows"])), ("By class", _by_class(result))),
        images=(_confusion(result),),
    )


def _finetuned(result: Plain) -> Evaluated:
    return _section(
        result,
        title="Test",
        tables=(("By class", _by_class(result)),),
        images=(_confusion(result),),
    )


def _by_class(result: Plain) -> Table:
    each = zip(result["classes"], result["per_class"], result["confusion"], strict=True)
    return Table(
        ("class", "accuracy", "test videos"),
        tuple((str(name), percent(share), str(sum(row))) for name, share, row in each),
    )


def _confusion(result: Plain) -> Image:
    classes = [str(name) for name in result["classes"]]
    return Image.of(
        confusion(result["confusion"], classes),
        "Confusion: true classes in rows, votes in columns.",
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
        head=("", "accuracy", "95 % interval", "right", "right where the other is wrong"),
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
        images=(Image.of(picture, "Gain or loss of the first run on each class, as bars."),),
    )


def _section(
    result: Plain,
    *,
    title: str,
    tables: tuple[tuple[str, Table], ...],
    images: tuple[Image, ...],
) -> Evaluated:
    headline, *others = [str(verdict) for verdict in result["verdicts"]]
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
    """A class's difference; coloured where interval and test resolve it."""
    gap, p = row["standing"]["difference"], float(row["standing"]["p"])
    low, high = gap["low"], gap["high"]
    if low is None or high is None:
        return Bar(str(row["name"]), float(gap["mean"]))
    resolved = (low > 0 or high < 0) and p < 0.05
    return Bar(str(row["name"]), float(gap["mean"]), float(low), float(high), strong=resolved)


def _against(standing: Plain | None) -> tuple[str, str]:
    if standing is None:
        return "–", "–"
    return signed(standing["difference"]), chance_in_words(standing["p"])


KINDS: dict[str, Callable[[Plain], Evaluated]] = {
    FINETUNE: _finetuned,
    FUSE: _fused,
    COMPARE: _compared,
}
