"""Figures and tables as text, the same way all over the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """Rows of text; the first cell of a row names it.

    Attributes:
        head: names of the columns.
        rows: as many cells each.
        strong: index of the row that the table is about, or None.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: int | None = None

    def __post_init__(self) -> None:
        if any(len(row) != len(self.head) for row in self.rows):
            raise ValueError(f"every row must have {len(self.head)} cells")


def percent(share: float | None) -> str:
    """A share as "86.0 %", or a dash where it is unknown."""
    return "–" if share is None else f"{100 * share:.1f} %"


def ends(interval: Mapping[str, float | None]) -> str:
    """An interval of shares as "[83.0, 89.0]", or a dash where its ends are unknown."""
    low, high = interval["low"], interval["high"]
    return "–" if low is None or high is None else f"[{100 * low:.1f}, {100 * high:.1f}]"


def signed(interval: Mapping[str, float | None]) -> str:
    """A difference of shares as "+40.0 [36.0, 44.0]", in points."""
    mean = interval["mean"]
    return "–" if mean is None else f"{100 * mean:+.1f} {ends(interval)}"


def count(number: float, thing: str) -> str:
    """A number and what it counts: "1 video", "1,200 videos"."""
    return f"{number:,g} {thing}" if number == 1 else f"{number:,g} {thing}s"


def span(seconds: float) -> str:
    """A time as a person says it: "12 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def listed(value: Any) -> str:
    """Plain data on one line: "B × T × 3" for a list, the value itself for anything else."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " × ".join(map(str, value))
    return str(value)
