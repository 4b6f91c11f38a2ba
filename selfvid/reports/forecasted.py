"""The forecast beside its baselines, as the page shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from selfvid.forecasting.result import amount
from selfvid.pictures import Curve, curves
from selfvid.reports.sections import Forecasted, Image, Table, Tone

Plain = dict[str, Any]

TONES: dict[str, Tone] = {"better": "good", "not better": "bad", "unresolved": "open"}


def forecasted(result: Plain, *, title: str, picture: Callable[[str], bytes | None]) -> Forecasted:
    """The section about a forecast's or a reconstruction's ``result.json``.

    Args:
        result: what the file holds.
        title: of the section.
        picture: gives the PNG of that name from the same folder; None where it has none.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: where it is not what `forecast` writes.
    """
    verdicts = [str(verdict) for verdict in result["verdicts"]]
    headline, method = verdicts[0], result["protocol"]["method"]
    meanings = method["baselines" if "baselines" in method else "floors"]  # as 0.1.0 called it
    tones = [tone for beginning, tone in TONES.items() if headline.startswith(beginning)]
    found = {str(name): picture(str(name)) for name in result["pictures"]}
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
            for name, data in found.items()
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
            "prediction less it",
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
    """Errors over predicted frames; one frame alone is no curve."""
    rows = measure["rows"]
    steps = range(1, len(rows[0]["steps"]) + 1)
    if len(steps) < 2:
        return None
    lines = []
    for row in rows:
        found = row["steps"]
        known = all(each["low"] is not None for each in found)
        lines.append(
            Curve(
                str(row["name"]),
                list(steps),
                [each["mean"] for each in found],
                low=[each["low"] for each in found] if known else None,
                high=[each["high"] for each in found] if known else None,
            )
        )
    picture = curves(lines, x="predicted frame", y=f"{measure['unit']}, 95 % intervals")
    return Image.of(picture, f"{measure['unit']} by predicted frame, as curves.")


def _against(difference: Plain | None) -> tuple[str, str]:
    if difference is None:
        return "–", "–"
    return amount(difference["mean"], signed=True), _ends(difference, signed=True)


def _ends(interval: Plain, *, signed: bool = False) -> str:
    if interval["low"] is None:
        return "–"
    return f"[{amount(interval['low'], signed=signed)}, {amount(interval['high'], signed=signed)}]"
