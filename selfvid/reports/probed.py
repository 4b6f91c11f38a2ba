"""The probe's result, as the page shows it."""

from __future__ import annotations

import json
from typing import Any

from selfvid.pictures import Bar, Curve, bars, confusion, curves
from selfvid.reports.sections import Figure, Image, Probed, Table, Tone, ends, percent, signed

Plain = dict[str, Any]

# What a row stands for, by a word in its name.
MEANINGS = {
    "chance": "naming the largest class every time, without looking",
    "metadata": "duration, rate, frame size and file size alone: what the files give away for free",
    "optical flow": "where things move to, by cells and thirds of the video, without any network",
    "feature histograms": "hand-made words for gradients, motion and colours, and a small network",
    "random": "the same network with weights that never saw a video",
    "start": "the network as it was when pretraining began",
    "frozen": "the encoder on clips that show only their middle frame: no motion",
    "shuffled": "the encoder on clips whose frames lost their order",
    "scratch": "a network of the same shape, trained with the labels only",
}

# How the probe's verdicts on pretraining begin, the least favourable first.
TONES: dict[str, Tone] = {
    "pretraining hurt": "bad",
    "unresolved": "open",
    "pretraining helped": "good",
}


def probed(result: Plain) -> Probed:
    """The section about ``probe/result.json``.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: where it is not what `probe` writes.
    """
    rows: list[Plain] = result["rows"]
    verdicts = [str(verdict) for verdict in result["verdicts"]]
    headline, tone = _headline(verdicts)
    classes = [str(name) for name in result["classes"]]
    curve = result.get("curve")
    motion = result.get("motion")
    return Probed(
        headline=headline,
        tone=tone,
        figures=_figures(rows),
        warnings=_warnings(result),
        verdicts=tuple(_sentence(verdict) for verdict in verdicts),
        table=_table(rows),
        bars=_bars(rows),
        baselines=tuple(
            (row["name"], _meaning(row["name"])) for row in rows if _meaning(row["name"])
        ),
        differences=_differences(result["differences"]),
        curve=None if curve is None else _curve(curve, rows),
        curve_table=None if curve is None else _curve_table(curve),
        curve_notes=() if curve is None else tuple(map(str, curve["skipped"])),
        motion=() if motion is None else tuple(_sentence(words) for words in motion["words"]),
        confusion=_confusion(result["confusion"], classes),
        classes=_classes(result, classes),
        protocol=json.dumps(result["protocol"], indent=2, ensure_ascii=False),
        command=str(result["protocol"].get("command", "")),
    )


def _headline(verdicts: list[str]) -> tuple[str, Tone]:
    """The least favourable verdict: beating random weights but not the start is no help."""
    for beginning, tone in TONES.items():
        for verdict in verdicts:
            if verdict.startswith(beginning):
                return _sentence(verdict), tone
    return "The probe does not say whether pretraining helped.", "open"


def _figures(rows: list[Plain]) -> tuple[Figure, ...]:
    return tuple(Figure(percent(row["accuracy"]["mean"]), str(row["name"])) for row in rows[:5])


def _warnings(result: Plain) -> tuple[str, ...]:
    rows, footage, found = result["rows"], result["footage"], []
    encoder, chance = rows[0]["accuracy"], _chance(rows)
    if chance is not None and not (encoder["low"] or 0) > chance:
        found.append(
            f"The encoder is not above chance: {_with_ends(encoder)} against {percent(chance)}."
        )
    labels_seen = footage.get("labels_seen", footage.get("taught"))  # as 0.1.0 called it
    if labels_seen:
        found.append(
            f"Leak: the encoder was trained with the labels of {labels_seen} of "
            f"{footage['tested']} test videos."
        )
    elif footage["seen"]:
        found.append(
            f"{footage['seen']} of {footage['tested']} test videos were among the unlabelled "
            "footage of pretraining (transductive): expect less on new footage."
        )
    if footage["same_group"]:
        found.append(
            f"{footage['same_group']} test videos share a group with footage of pretraining."
        )
    if not footage["known"]:
        found.append("The encoder does not say which footage it was pretrained on.")
    leak = result["differences"].get("metadata")
    if leak is not None and not (leak["low"] or 0) > 0:
        found.append(
            "Metadata leak: file properties alone do as well as the encoder, or nearly "
            f"(difference {signed(leak)} points). The labels can be read off the files."
        )
    return tuple(found)


def _table(rows: list[Plain]) -> Table:
    votes = sorted({k for row in rows for k in row["knn"]}, key=int)
    recalls = sorted({k for row in rows for k in row["recall"]}, key=int)
    return Table(
        head=(
            "", "accuracy", "95 % interval",
            *(f"{k}-NN" for k in votes), *(f"R@{k}" for k in recalls),
        ),
        rows=tuple(
            (
                str(row["name"]), percent(row["accuracy"]["mean"]), ends(row["accuracy"]),
                *(percent(row["knn"].get(k)) for k in votes),
                *(percent(row["recall"].get(k)) for k in recalls),
            )
            for row in rows
        ),
        strong=0,
    )  # fmt: skip


def _bars(rows: list[Plain]) -> Image:
    drawn = [
        Bar(str(row["name"]), **_interval(row["accuracy"]), strong=place == 0)
        for place, row in enumerate(rows)
        if not _is_chance(row)
    ]
    picture = bars(
        drawn, chance=_chance(rows), title="accuracy on videos not trained on, 95 % intervals"
    )
    return Image.of(picture, "Accuracy of the encoder and of each baseline, as bars.")


def _differences(differences: Plain) -> Table | None:
    if not differences:
        return None
    return Table(
        head=("encoder minus", "points, 95 % interval"),
        rows=tuple((str(name), signed(found)) for name, found in differences.items()),
    )


def _curve(curve: Plain, rows: list[Plain]) -> Image | None:
    """The curve over counts of labels; "all" has no place on the axis and stays in the table."""
    points = [point for point in curve["points"] if point["per_class"] is not None]
    ticks = sorted({float(point["per_class"]) for point in points})
    if len(ticks) < 2:
        return None
    names = list(dict.fromkeys(str(point["variant"]) for point in points))
    lines = []
    for place, name in enumerate(names):
        mine = [point for point in points if point["variant"] == name]
        found = [_interval(point["accuracy"]) for point in mine]
        lines.append(
            Curve(
                name,
                [point["per_class"] for point in mine],
                [interval["value"] for interval in found],
                low=[interval["low"] for interval in found],
                high=[interval["high"] for interval in found],
                plain=place > 0,
            )
        )
    chance = _chance(rows)
    picture = curves(
        lines[::-1],
        x="labelled training videos per class",
        y="accuracy, 95 % intervals",
        level=None if chance is None else ("chance", chance),
        percent=True,
        ticks=ticks,
    )
    return Image.of(picture, "Accuracy by number of labelled videos, as curves.")


def _curve_table(curve: Plain) -> Table:
    points, counts = curve["points"], {p["per_class"]: None for p in curve["points"]}
    names = list(dict.fromkeys(str(point["variant"]) for point in points))
    found = {(str(p["variant"]), p["per_class"]): p["accuracy"] for p in points}
    paired = {d["per_class"]: signed(d["difference"]) for d in curve["differences"]}
    return Table(
        head=("labels per class", *names, "difference, points"),
        rows=tuple(
            (
                "all" if per_class is None else str(per_class),
                *(_with_ends(found[name, per_class]) for name in names),
                paired.get(per_class, "–"),
            )
            for per_class in counts
        ),
    )


def _confusion(counts: list[list[int]], classes: list[str]) -> Image | None:
    if not counts:
        return None
    return Image.of(
        confusion(counts, classes), "Confusion: true classes in rows, votes in columns."
    )


def _classes(result: Plain, classes: list[str]) -> Table | None:
    counted = [sum(row) for row in result["confusion"]]
    rows = zip(classes, result["per_class"], counted, strict=True)
    ranked = sorted(rows, key=lambda row: (row[1] is None, -(row[1] or 0)))
    return Table(
        head=("class", "accuracy", "test videos"),
        rows=tuple((name, percent(share), str(number)) for name, share, number in ranked),
    )


def _chance(rows: list[Plain]) -> float | None:
    return next((float(row["accuracy"]["mean"]) for row in rows if _is_chance(row)), None)


def _is_chance(row: Plain) -> bool:
    return str(row["name"]).startswith("chance")


def _interval(found: Plain) -> dict[str, float]:
    """Ends and mean for drawing; an unknown end falls on the mean."""
    mean = float(found["mean"])
    low, high = found["low"], found["high"]
    return {
        "value": mean,
        "low": mean if low is None else float(low),
        "high": mean if high is None else float(high),
    }


def _with_ends(found: Plain) -> str:
    return f"{percent(found['mean'])} {ends(found)}"


def _meaning(name: str) -> str:
    return next((meaning for word, meaning in MEANINGS.items() if word in name), "")


def _sentence(words: str) -> str:
    text = str(words).strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
