"""The sections of the page: dataclasses of texts and embedded images, and texts for numbers."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from selfvid.pictures import Picture, png_bytes

Tone = Literal["good", "bad", "open"]
"""The colour of a headline; "open" if the result is not clear."""


@dataclass(frozen=True)
class Table:
    """Rows of text; the first cell of a row names it.

    Attributes:
        head: names of the columns.
        rows: the rows; each has a cell for every column.
        strong: index of the row that is printed in bold, or None.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: int | None = None

    def __post_init__(self) -> None:
        if any(len(row) != len(self.head) for row in self.rows):
            raise ValueError(f"every row must have {len(self.head)} cells")


@dataclass(frozen=True)
class Image:
    """A PNG that is embedded in the page.

    Attributes:
        source: the image as a data URI.
        text: alternative text, which says what the image shows.
        caption: text below the image.
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
    """A number in large print, with its name."""

    value: str
    name: str


@dataclass(frozen=True)
class Probed:
    """The result of `selfvid probe`.

    Attributes:
        headline: whether pretraining helped.
        tone: colour of the headline.
        figures: the most important numbers.
        warnings: problems that make a number invalid or too good.
        verdicts: all verdicts of the probe.
        table: accuracies.
        bars: the accuracies as bars.
        baselines: name of each row and what it stands for.
        differences: the encoder minus each baseline, paired.
        curve: accuracy by number of labels, as curves; None if there are too few points.
        curve_table: accuracy by number of labels, as a table.
        curve_notes: what is first with each number of labels, and the numbers left out.
        motion: the result of the motion check in words.
        confusion: the confusion matrix as an image.
        classes: accuracy by class.
        protocol: all settings, as JSON.
        command: the command line; empty if the protocol does not contain it.
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
    """The result of `selfvid forecast`.

    Attributes:
        title: "Forecast" or "Reconstruction".
        headline: whether the prediction is better than the best baseline.
        tone: colour of the headline.
        heading: what was predicted.
        tables: errors of the prediction and the baselines, one table for each unit.
        curves: the errors by predicted frame, as curves.
        flow: end-point errors; None unless flow was predicted and the true flow is known.
        baselines: name of each baseline and what it stands for.
        verdicts: the other verdicts.
        strips: pictures of a few sequences.
        protocol: all settings, as JSON.
        command: the command line.
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
    """The result of `selfvid finetune`, `fuse`, `compare` or `detect eval`.

    Attributes:
        title: which of them.
        headline: the first verdict.
        tone: colour of the headline.
        heading: what was evaluated.
        tables: title and table; the first table is the main one and has no title.
        images: the tables as images, and timelines.
        verdicts: the other verdicts.
        protocol: all settings, as JSON.
        command: the command line.
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
    """The training of the run.

    Attributes:
        words: the sentences of the summary.
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
    """Everything on the page; sections that a run does not have are None or empty.

    Attributes:
        name: name of the run.
        notes: files that could not be read.
        evaluated: the result in the folder itself.
        probed: the result of the probe.
        forecasts: the results of forecast and reconstruction.
        trained: the training of the run.
        footage: names and values about the videos of training.
        previews: pictures that the objective drew during training.
        exports: the exports, and the difference of each from PyTorch.
        recipe: the text of the recipe.
        unknown: what is not known, if there is no result yet.
        commands: purpose and command line of the next steps.
        version: version of this package.
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


def percent(share: float | None) -> str:
    """Return a share as text, "86.0 %"; a dash if it is unknown."""
    return "–" if share is None else f"{100 * share:.1f} %"


def ends(interval: Mapping[str, float | None]) -> str:
    """Return an interval of shares as text, "[83.0, 89.0]"; a dash if its ends are unknown."""
    low, high = interval["low"], interval["high"]
    return "–" if low is None or high is None else f"[{100 * low:.1f}, {100 * high:.1f}]"


def signed(interval: Mapping[str, float | None]) -> str:
    """Return a difference of shares in points, "+40.0 [36.0, 44.0]"; a dash if it is unknown."""
    mean = interval["mean"]
    return "–" if mean is None else f"{100 * mean:+.1f} {ends(interval)}"


def count(number: float, thing: str) -> str:
    """Return a number with its noun: "1 video", "1,200 videos"."""
    return f"{number:,g} {thing}" if number == 1 else f"{number:,g} {thing}s"


def span(seconds: float) -> str:
    """Return a duration as text: "12 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def listed(value: Any) -> str:
    """Return a list as text, such as "B × T × 3"; anything else as it is."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " × ".join(map(str, value))
    return str(value)
