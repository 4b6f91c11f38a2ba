"""The section of the page about the result of the probe."""

from __future__ import annotations

import json
from typing import Any

from selfvid.pictures import Bar, Curve, bars, confusion, curves
from selfvid.reports.sections import Figure, Image, Probed, Table, Tone, ends, percent, signed

Plain = dict[str, Any]

FIGURES = 5  # rows of the table that are also shown in large print: the page has room for these

# What a row stands for, by a word in its name.
MEANINGS = {
    "chance": "always predicting the largest class, without the video",
    "metadata": "only duration, frame rate, frame size and file size, without the pictures",
    "optical flow": "directions of motion by cell and third of the video, without a network",
    "feature histograms": "histograms of gradients, motion and colours, and a small network",
    "random": "the same network with random weights",
    "start": "the network at the start of pretraining",
    "frozen fields": "the encoder on clips that repeat their middle field: motion of one moment",
    "shuffled fields": "the encoder on clips whose fields of flow are in random order",
    "frozen": "the encoder on clips that repeat their middle frame, so that there is no motion",
    "shuffled": "the encoder on clips whose frames are in random order",
}

# How the verdicts on pretraining begin, and their colour; the least favourable first.
TONES: dict[str, Tone] = {
    "pretraining hurt": "bad",
    "unresolved": "open",
    "pretraining helped": "good",
}


def probed(result: Plain) -> Probed:
    """Return the section about ``probe/result.json``.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: If the file is not as `probe` writes it.
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
            (row["name"], _meaning(row["name"])) for row in rows[1:] if _meaning(row["name"])
        ),
        differences=_differences(result["differences"]),
        curve=None if curve is None else _curve(curve, rows),
        curve_table=None if curve is None else _curve_table(curve),
        curve_notes=() if curve is None else _curve_notes(curve),
        motion=() if motion is None else tuple(_sentence(words) for words in motion["words"]),
        confusion=_confusion(result["confusion"], classes),
        classes=_classes(result, classes),
        protocol=json.dumps(result["protocol"], indent=2, ensure_ascii=False),
        command=str(result["protocol"].get("command", "")),
    )


def _headline(verdicts: list[str]) -> tuple[str, Tone]:
    """Return the least favourable verdict on pretraining, and its colour.

    Pretraining did not help, for example, if the encoder is better than random weights but not
    better than the encoder at the start.
    """
    for beginning, tone in TONES.items():
        for verdict in verdicts:
            if verdict.startswith(beginning):
                return _sentence(verdict), tone
    return "The probe does not say whether pretraining helped.", "open"


def _figures(rows: list[Plain]) -> tuple[Figure, ...]:
    shown = rows[:FIGURES]
    return tuple(Figure(percent(row["accuracy"]["mean"]), str(row["name"])) for row in shown)


def _warnings(result: Plain) -> tuple[str, ...]:
    """Return the problems that make a number invalid or too good."""
    rows, footage, warnings = result["rows"], result["footage"], []
    encoder, chance = rows[0]["accuracy"], _chance(rows)
    if chance is not None and not (encoder["low"] or 0) > chance:
        warnings.append(
            f"The encoder is not above chance: {_with_ends(encoder)} compared with "
            f"{percent(chance)}."
        )
    labels_seen = footage.get("labels_seen", footage.get("taught"))  # "taught" in 0.1.0
    if labels_seen:
        warnings.append(
            f"Leak: the encoder was trained with the labels of {labels_seen} of "
            f"{footage['tested']} test videos."
        )
    elif footage["seen"]:
        warnings.append(
            f"{footage['seen']} of {footage['tested']} test videos were among the unlabelled "
            "videos of pretraining (transductive): expect a lower accuracy on new videos."
        )
    if footage["same_group"]:
        warnings.append(
            f"{footage['same_group']} test videos share a group with videos of pretraining."
        )
    if not footage["known"]:
        warnings.append("The encoder does not say which videos it was pretrained on.")
    metadata = result["differences"].get("metadata")
    if metadata is not None and not (metadata["low"] or 0) > 0:
        warnings.append(
            "Metadata leak: file properties alone are as good as the encoder, or nearly "
            f"(difference {signed(metadata)} points). The labels can be predicted from the files "
            "without the pictures."
        )
    return tuple(warnings)


def _table(rows: list[Plain]) -> Table:
    """Return the table of accuracies, with k-NN and retrieval.

    R@k is the share of videos for which one of the k nearest training videos has their class.
    """
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
    """Draw the accuracy over the number of labels; None if there are fewer than two numbers.

    The point for all labels has no place on the axis, so it is only in the table.
    """
    points = [point for point in curve["points"] if point["per_class"] is not None]
    ticks = sorted({float(point["per_class"]) for point in points})
    if len(ticks) < 2:
        return None
    names = list(dict.fromkeys(str(point["variant"]) for point in points))
    lines = []
    for place, name in enumerate(names):
        mine = [point for point in points if point["variant"] == name]
        intervals = [_interval(point["accuracy"]) for point in mine]
        # The intervals of more than two lines would cover one another; they are in the table.
        band = place == 0 or len(names) == 2
        lines.append(
            Curve(
                name,
                [point["per_class"] for point in mine],
                [interval["value"] for interval in intervals],
                low=[interval["low"] for interval in intervals] if band else None,
                high=[interval["high"] for interval in intervals] if band else None,
                plain=place > 0 and "random" in name,
                thin=place > 0,
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


def _curve_notes(curve: Plain) -> tuple[str, ...]:
    """Return which variant is first for each number of labels, and the numbers left out."""
    first = curve.get("words", ())  # version 0.1.0 did not say it
    return tuple(_sentence(words) for words in (*first, *curve["skipped"]))


def _curve_table(curve: Plain) -> Table:
    """Return the accuracies, a row for each variant, and the differences below them."""
    points = curve["points"]
    counts = list(dict.fromkeys(point["per_class"] for point in points))
    own, *others = dict.fromkeys(str(point["variant"]) for point in points)
    accuracy = {(str(p["variant"]), p["per_class"]): p["accuracy"] for p in points}
    # Version 0.1.0 had one other variant, and did not name it here.
    paired = {
        (str(d.get("variant", *others[:1])), d["per_class"]): signed(d["difference"])
        for d in curve["differences"]
    }
    return Table(
        head=(
            "labels per class",
            *("all" if count is None else str(count) for count in counts),
        ),
        rows=(
            *(
                (name, *(_with_ends(accuracy[name, count]) for count in counts))
                for name in (own, *others)
            ),
            *(
                (f"{own} minus {name}, points", *(paired.get((name, c), "–") for c in counts))
                for name in others
            ),
        ),
        strong=0,
    )


def _confusion(counts: list[list[int]], classes: list[str]) -> Image | None:
    if not counts:
        return None
    return Image.of(
        confusion(counts, classes),
        "Confusion matrix: true classes in rows, predicted classes in columns.",
    )


def _classes(result: Plain, classes: list[str]) -> Table | None:
    """Return the accuracy by class, the highest first; classes without a test video come last."""
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
    return str(row["name"]).startswith("chance")  # the probe writes "chance (largest class)"


def _interval(plain: Plain) -> dict[str, float]:
    """Return mean and ends for drawing; an end that is unknown is set to the mean."""
    mean = float(plain["mean"])
    low, high = plain["low"], plain["high"]
    return {
        "value": mean,
        "low": mean if low is None else float(low),
        "high": mean if high is None else float(high),
    }


def _with_ends(interval: Plain) -> str:
    return f"{percent(interval['mean'])} {ends(interval)}"


def _meaning(name: str) -> str:
    """Return what a row stands for; empty for the encoder itself."""
    return next((meaning for word, meaning in MEANINGS.items() if word in name), "")


def _sentence(words: str) -> str:
    """Return words as a sentence, with a capital letter and a full stop."""
    text = str(words).strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
