"""How pretraining went, what footage it saw, and what was exported, as the page shows it."""

from __future__ import annotations

from typing import Any

from selfvid.pictures import Curve, Picture, curves
from selfvid.reports.sections import Image, Table, Trained, count, listed, span

Plain = dict[str, Any]
History = list[dict[str, float]]

NOT_A_LOSS = {
    "step", "rate", "clips_per_second",
    "feature_spread", "effective_rank", "neighbour_same_video", "neighbour_chance",
}  # fmt: skip
SMALL = (3.2, 2.1)  # three of them side by side
# Collapse measures: title, and what to make of it.
MEASURES = {
    "feature_spread": ("feature spread", "0: all clips get the same vector"),
    "effective_rank": ("effective rank", "1: all vectors lie along one line"),
    "neighbour_same_video": (
        "neighbour of the same video",
        "share of clips whose nearest neighbour is from their own video",
    ),
}


def trained(summary: Plain | None, history: History) -> Trained | None:
    """The section about training; None where a run has neither summary nor history."""
    if summary is None and not history:
        return None
    words = tuple(str(line) for line in (summary or {}).get("words", ()))
    return Trained(
        words=words,
        bad=any("collapsed" in line for line in words),
        facts=() if summary is None else _facts(summary),
        images=_images(history),
    )


def checked_summary(summary: Plain) -> Plain:
    """The summary, once all that the page reads of it has proved readable.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: where it has not.
    """
    _facts(summary)
    footage(summary)
    list(summary["words"])
    return summary


def footage(summary: Plain) -> tuple[tuple[str, str], ...]:
    """What the unlabelled footage was."""
    found = [("videos", f"{summary['videos']:,}")]
    if summary.get("generated"):
        found = [("generated", str(summary["generated"]))]
    elif summary.get("hours") is not None:
        found.append(("length", span(3600 * summary["hours"])))
    found.append(("clips drawn", f"{summary['clips']:,} ({count(summary['epochs'], 'epoch')})"))
    faults = summary["faults"]
    lines = [str(fault) for fault in faults] if isinstance(faults, list) else []
    number = len(lines) if isinstance(faults, list) else int(faults)
    found.append(("clips that could not be read", f"{number:,}"))
    return (*found, *(("such as", line) for line in lines[:5]))


def exported(folder: str, card: Plain) -> Table:
    """How near one export is to PyTorch."""
    checks = card["parity"]["checks"]
    return Table(
        head=("export", "clips", "largest difference", "compared on"),
        rows=(
            (
                folder,
                listed(card["input"]["frames"]),
                f"{card['parity']['difference']:.1g}",
                ", ".join(listed(check["shape"][:2]) for check in checks),
            ),
        ),
    )


def _facts(summary: Plain) -> tuple[tuple[str, str], ...]:
    facts = [
        ("steps", f"{summary['steps']:,}"),
        ("time", span(summary["seconds"])),
        ("clips per second", f"{summary['clips'] / max(summary['seconds'], 1e-9):,.0f}"),
        ("precision", str(summary["precision"])),
        ("device", str(summary["device"])),
    ]
    if summary.get("hardware"):
        facts.append(("hardware", str(summary["hardware"])))
    facts += [(f"last {name}", f"{value:.4g}") for name, value in summary["losses"].items()]
    return tuple(facts)


def _images(history: History) -> tuple[Image, ...]:
    names = list(dict.fromkeys(key for line in history for key in line if key not in NOT_A_LOSS))
    losses = [_curve(history, name) for name in names]
    found = []
    if any(len(line.x) > 1 for line in losses):
        picture = curves(losses, x="step", y="loss and its parts")
        found.append(Image.of(picture, "Loss and its parts over steps."))
    for key, (title, caption) in MEASURES.items():
        line = _curve(history, key, title)
        if len(line.x) > 1:
            picture = _measure(history, line, share=key == "neighbour_same_video")
            found.append(Image.of(picture, f"{title}, over steps.", caption=caption))
    return tuple(found)


def _measure(history: History, line: Curve, *, share: bool) -> Picture:
    chances = _curve(history, "neighbour_chance").y
    level = ("chance", chances[-1]) if share and chances else None
    return curves([line], x="step", y=line.name, level=level, percent=share, size=SMALL)


def _curve(history: History, key: str, name: str = "") -> Curve:
    lines = [line for line in history if key in line]
    return Curve(name or key, [line["step"] for line in lines], [line[key] for line in lines])
