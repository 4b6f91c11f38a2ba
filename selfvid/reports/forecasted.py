"""The section of the page about a forecast or a reconstruction."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from selfvid.forecasting.result import amount
from selfvid.pictures import Curve, curves
from selfvid.reports.sections import Forecasted, Image, Table, Tone

Plain = dict[str, Any]

# The colour of the headline, by the beginning of the first verdict.
TONES: dict[str, Tone] = {"better": "good", "not better": "bad", "unresolved": "open"}


def forecasted(result: Plain, *, title: str, picture: Callable[[str], bytes | None]) -> Forecasted:
    """Return the section about the ``result.json`` of a forecast or a reconstruction.

    Args:
        result: the content of the file.
        title: title of the section.
        picture: returns the PNG of that name from the same folder, or None if there is none.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: If the file is not as `forecast` writes
            it.
    """
    verdicts = [str(verdict) for verdict in result["verdicts"]]
    headline, method = verdicts[0], result["protocol"]["method"]
    meanings = method["baselines" if "baselines" in method else "floors"]  # "floors" in 0.1.0
    tones = [tone for beginning, tone in TONES.items() if headline.startswith(beginning)]
    pictures = {str(name): picture(str(name)) for name in result["pictures"]}
    return Forecasted(
        title=title,
        headline=headline[:1].upper() + headline[1:] + ".",
        tone=tones[0] if tones else "open",
        heading=str(result["heading"]),
        tables=tuple(map(_table, result["measures"])),
        curves=tuple(drawn for drawn in map(_curve, result["measures"]) if drawn is not None),
        flow=_flow_table(result["flow"]) if result["flow"] else None,
        baselines=tuple((str(name), str(meaning)) for name, meaning in meanings.items()),
        verdicts=tuple(verdicts[1:]),
        strips=tuple(
            Image.from_png(data, f"{title} of {name.removesuffix('.png')}, true frames first.")
            for name, data in pictures.items()
            if data is not None
        ),
        protocol=json.dumps(result["protocol"], indent=2, ensure_ascii=False),
        command=str(result["protocol"]["command"]),
    )


def _table(measure: Plain) -> Table:
    return Table(
        head=(
            str(measure["unit"]),
            "error",
            "95 % interval",
            "prediction minus it",
            "95 % interval",
        ),
        rows=tuple(
            (
                str(row["name"]),
                amount(row["error"]["mean"]),
                _ends(row["error"]),
                *_against(row["difference"]),
            )
            for row in measure["rows"]
        ),
        strong=0,
    )


def _flow_table(rows: list[Plain]) -> Table:
    return Table(
        head=("flow on digit pixels", "end-point error, px", "95 % interval", "of zero flow's"),
        rows=tuple(
            (
                str(row["name"]),
                amount(row["error"]["mean"]),
                _ends(row["error"]),
                "–" if row["share"] is None else f"{100 * row['share']['mean']:.1f} %",
            )
            for row in rows
        ),
        strong=0,
    )


def _curve(measure: Plain) -> Image | None:
    """Draw the errors over predicted frames; None if there is only one frame."""
    rows = measure["rows"]
    steps = range(1, len(rows[0]["steps"]) + 1)
    if len(steps) < 2:
        return None
    lines = []
    for row in rows:
        errors = row["steps"]
        bounded = all(each["low"] is not None for each in errors)
        lines.append(
            Curve(
                str(row["name"]),
                list(steps),
                [each["mean"] for each in errors],
                low=[each["low"] for each in errors] if bounded else None,
                high=[each["high"] for each in errors] if bounded else None,
            )
        )
    picture = curves(lines, x="predicted frame", y=f"{measure['unit']}, 95 % intervals")
    return Image.of(picture, f"{measure['unit']} by predicted frame, as curves.")


def _against(difference: Plain | None) -> tuple[str, str]:
    """Return the cells of a comparison: the difference, and its interval."""
    if difference is None:
        return "–", "–"
    return amount(difference["mean"], signed=True), _ends(difference, signed=True)


def _ends(interval: Plain, *, signed: bool = False) -> str:
    if interval["low"] is None:
        return "–"
    return f"[{amount(interval['low'], signed=signed)}, {amount(interval['high'], signed=signed)}]"
