"""What the page shows, section by section, all of it plain text and embedded images."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from selfvid.pictures import Picture, png_bytes


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


Tone = Literal["good", "bad", "open"]


@dataclass(frozen=True)
class Image:
    """A PNG inside the page.

    Attributes:
        source: a data URI.
        text: what it shows, for those who cannot see it.
        caption: printed below.
    """

    source: str
    text: str
    caption: str = ""

    @staticmethod
    def of(picture: Picture, text: str, *, caption: str = "") -> Image:
        """Embed a picture, uint8 (H, W, 3)."""
        return Image.from_png(png_bytes(picture), text, caption=caption)

    @staticmethod
    def from_png(data: bytes, text: str, *, caption: str = "") -> Image:
        """Embed a PNG file."""
        return Image(f"data:image/png;base64,{base64.b64encode(data).decode()}", text, caption)


@dataclass(frozen=True)
class Figure:
    """A number that stands large, with a word on what it is."""

    value: str
    name: str


@dataclass(frozen=True)
class Probed:
    """What the probe found.

    Attributes:
        headline: whether pretraining helped.
        tone: how the headline is coloured.
        figures: the few numbers behind it.
        warnings: what a reader must know before quoting a number.
        verdicts: everything else that the probe said.
        table: accuracies.
        bars: the same, drawn.
        baselines: each row's name and what it stands for.
        differences: paired, the encoder minus each baseline.
        curve: accuracy by number of labels, drawn.
        curve_table: the same, in figures.
        curve_notes: what could not be drawn.
        motion: the motion check in words.
        confusion: drawn.
        classes: accuracy by class.
        protocol: everything that was decided, as JSON.
        command: what asked for the probe; empty where the protocol does not say.
    """

    headline: str
    tone: Tone
    figures: tuple[Figure, ...]
    warnings: tuple[str, ...]
    verdicts: tuple[str, ...]
    table: Table
    bars: Image
    baselines: tuple[tuple[str, str], ...]
    differences: Table | None
    curve: Image | None
    curve_table: Table | None
    curve_notes: tuple[str, ...]
    motion: tuple[str, ...]
    confusion: Image | None
    classes: Table | None
    protocol: str
    command: str


@dataclass(frozen=True)
class Forecasted:
    """How well frames are predicted, or reconstructed.

    Attributes:
        title: which of the two.
        headline: whether better than the best baseline.
        tone: how the headline is coloured.
        heading: what was predicted of what.
        tables: errors of prediction and baselines, one for each unit.
        curves: the same by predicted frame, drawn.
        flow: end-point errors, None where no flow was predicted or known.
        baselines: each baseline's name and what it stands for.
        verdicts: everything else that the forecast said.
        strips: a few sequences.
        protocol: everything that was decided, as JSON.
        command: what asked for it.
    """

    title: str
    headline: str
    tone: Tone
    heading: str
    tables: tuple[Table, ...]
    curves: tuple[Image, ...]
    flow: Table | None
    baselines: tuple[tuple[str, str], ...]
    verdicts: tuple[str, ...]
    strips: tuple[Image, ...]
    protocol: str
    command: str


@dataclass(frozen=True)
class Evaluated:
    """What the folder's own result says: of finetuning, fusing or comparing.

    Attributes:
        title: which of them.
        headline: the first verdict.
        tone: how the headline is coloured.
        heading: what was held against what.
        tables: what each is about, "" for the main one, and the table.
        images: the same, drawn.
        verdicts: everything else that was said.
        protocol: everything that was decided, as JSON.
        command: what asked for it.
    """

    title: str
    headline: str
    tone: Tone
    heading: str
    tables: tuple[tuple[str, Table], ...]
    images: tuple[Image, ...]
    verdicts: tuple[str, ...]
    protocol: str
    command: str


@dataclass(frozen=True)
class Trained:
    """How pretraining went.

    Attributes:
        words: the summary's sentences.
        bad: whether they say that the encoder collapsed.
        facts: names and values.
        images: losses and collapse measures over steps.
    """

    words: tuple[str, ...]
    bad: bool
    facts: tuple[tuple[str, str], ...]
    images: tuple[Image, ...]


@dataclass(frozen=True)
class Page:
    """Everything on the page; what a run does not have is None or empty.

    Attributes:
        name: of the run.
        notes: files that were there and could not be read.
        evaluated: what the folder's own result says.
        probed: what the probe found.
        forecasts: how well frames are predicted, and reconstructed.
        trained: how pretraining went.
        footage: names and values about the videos.
        previews: pictures that the objective drew.
        exports: formats and how near each is to PyTorch.
        recipe: the recipe's text.
        unknown: what is to be found out, where there is no result yet.
        commands: what to type, and what for.
        version: of this package.
    """

    name: str
    notes: tuple[str, ...]
    evaluated: Evaluated | None
    probed: Probed | None
    forecasts: tuple[Forecasted, ...]
    trained: Trained | None
    footage: tuple[tuple[str, str], ...]
    previews: tuple[Image, ...]
    exports: Table | None
    recipe: str
    unknown: str
    commands: tuple[tuple[str, str], ...]
    version: str
