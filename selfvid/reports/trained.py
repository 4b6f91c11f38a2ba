"""The sections of the page about training, the videos of training, and exports."""

from __future__ import annotations

from typing import Any

from selfvid.pictures import Curve, Picture, curves
from selfvid.reports.sections import Image, Table, Trained, count, listed, span

Plain = dict[str, Any]
History = list[dict[str, float]]

# Numbers in the history that are not the loss or a part of it.
NOT_A_LOSS = {
    "step", "rate", "clips_per_second",
    "feature_spread", "effective_rank", "neighbour_same_video", "neighbour_chance",
}  # fmt: skip
FAULTS = 5  # clips that are named: examples are enough
SMALL = (3.2, 2.1)  # inches, width and height: three pictures fit side by side
# The title of each collapse measure, and how to read it.
MEASURES = {
    "feature_spread": ("feature spread", "0: all clips have the same vector"),
    "effective_rank": ("effective rank", "1: all vectors are on one line"),
    "neighbour_same_video": (
        "neighbour of the same video",
        "share of clips whose nearest neighbour is from their own video",
    ),
}


def trained(summary: Plain | None, history: History) -> Trained | None:
    """Return the section about training; None if a run has neither summary nor history."""
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
    """Return the summary, after a check that the page can read it.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: If it cannot.
    """
    _facts(summary)
    footage(summary)
    list(summary["words"])
    return summary


def footage(summary: Plain) -> tuple[tuple[str, str], ...]:
    """Return names and values about the unlabelled videos."""
    facts = [("videos", f"{summary['videos']:,}")]
    if summary.get("generated"):
        facts = [("generated", str(summary["generated"]))]
    elif summary.get("hours") is not None:
        facts.append(("length", span(3600 * summary["hours"])))
    facts.append(("clips drawn", f"{summary['clips']:,} ({count(summary['epochs'], 'epoch')})"))
    faults = summary["faults"]  # lines, or their number
    lines = [str(fault) for fault in faults] if isinstance(faults, list) else []
    number = len(lines) if isinstance(faults, list) else int(faults)
    facts.append(("clips that could not be read", f"{number:,}"))
    return (*facts, *(("such as", line) for line in lines[:FAULTS]))


def exported(folder: str, card: Plain) -> Table:
    """Return a table with the difference of one export from PyTorch.

    Args:
        folder: name of the export.
        card: the content of its encoder.json.
    """
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
    """Return names and values about the training."""
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
    """Draw the loss with its parts, and each collapse measure."""
    names = list(dict.fromkeys(key for line in history for key in line if key not in NOT_A_LOSS))
    losses = [_curve(history, name) for name in names]
    images = []
    if any(len(line.x) > 1 for line in losses):
        picture = curves(losses, x="step", y="loss and its parts")
        images.append(Image.of(picture, "Loss and its parts over steps."))
    for key, (title, caption) in MEASURES.items():
        line = _curve(history, key, title)
        if len(line.x) > 1:
            picture = _measure(history, line, share=key == "neighbour_same_video")
            images.append(Image.of(picture, f"{title}, over steps.", caption=caption))
    return tuple(images)


def _measure(history: History, line: Curve, *, share: bool) -> Picture:
    """Draw a collapse measure; a share is drawn with its chance level."""
    chances = _curve(history, "neighbour_chance").y
    level = ("chance", chances[-1]) if share and chances else None
    return curves([line], x="step", y=line.name, level=level, percent=share, size=SMALL)


def _curve(history: History, key: str, name: str = "") -> Curve:
    """Return the values of one number over the steps at which it was logged."""
    lines = [line for line in history if key in line]
    return Curve(name or key, [line["step"] for line in lines], [line[key] for line in lines])
