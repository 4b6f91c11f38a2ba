"""The score table of a classifier: video, true label and K probabilities.

`probe` and `finetune` write score tables, `fuse` and `compare` read them.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO, cast

import numpy as np
from numpy.typing import NDArray

from selfvid.errors import InputError
from selfvid.saving.whole import replacing

SCORES = "scores.csv"
"""The name of the file that a run writes its scores to."""

_TOLERANCE = 1e-3  # of the sum of a row's probabilities: other programs may write rounded ones


@dataclass(frozen=True, eq=False)
class Scores:
    """The predictions of a classifier for N videos that it was not trained on.

    Attributes:
        videos: content id of each video (of a segment: ``id@start-end`` in seconds), all different.
        labels: index of each video's true class, int64 (N,).
        classes: names of the K classes.
        probabilities: probability of each class, float64 (N, K); each row sums to 1.

    Raises:
        InputError: If the parts do not fit together.
    """

    videos: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = (len(self.videos), len(self.classes))
        if self.probabilities.shape != shape or self.labels.shape != shape[:1]:
            raise InputError(
                f"scores must have N = {shape[0]} labels and (N, K) = {shape} probabilities, "
                f"got {self.labels.shape} and {self.probabilities.shape}"
            )
        if not shape[0] or shape[1] < 2:
            raise InputError(
                f"scores hold {shape[0]} videos of {shape[1]} classes; "
                "expected at least 1 video and 2 classes"
            )
        for names, what in ((self.videos, "video"), (self.classes, "class")):
            if len(set(names)) < len(names):
                doubled = next(name for name in names if names.count(name) > 1)
                raise InputError(f"scores name {what} {doubled!r} twice; expected it once")
        if self.labels.min() < 0 or self.labels.max() >= shape[1]:
            raise InputError(f"labels must lie in 0 to {shape[1] - 1}, got {self.labels.max()}")
        self._check_probabilities()

    def _check_probabilities(self) -> None:
        valid = np.isfinite(self.probabilities).all(axis=1)  # (N,)
        valid &= (self.probabilities >= 0).all(axis=1)
        valid &= np.abs(self.probabilities.sum(axis=1) - 1) <= _TOLERANCE
        if not valid.all():
            row = int(np.argmin(valid))
            raise InputError(
                f"probabilities of video {self.videos[row]!r} are "
                f"{self.probabilities[row].tolist()}; expected 0 or more, summing to 1"
            )

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Index of the most probable class of each video, (N,)."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    def write(self, path: str | Path) -> Path:
        """Write a CSV with the columns video, label and one per class, completely or not at all."""
        path = Path(path)
        with replacing(path) as draft, _text(draft, "w") as text:
            table = csv.writer(text, lineterminator="\n")
            table.writerow(["video", "label", *self.classes])
            for video, label, row in zip(self.videos, self.labels, self.probabilities, strict=True):
                # repr gives the shortest text that is read back as the same number.
                table.writerow([video, self.classes[label], *map(repr, row.tolist())])
        return path

    @staticmethod
    def read(path: str | Path) -> Scores:
        """Read the table that `write` wrote to `path`.

        Raises:
            InputError: If there is no such file, or if it is not a score table.
        """
        path = Path(path)
        if not path.is_file():
            raise InputError(f"scores {str(path)!r} do not exist; expected the CSV of a probe")
        try:
            with _text(path, "r") as text:
                lines = [line for line in csv.reader(text) if line]
        except (ValueError, csv.Error) as error:
            raise InputError(f"scores {str(path)!r} are not a table: {error}") from None
        if not lines:
            raise InputError(f"scores {str(path)!r} are empty; expected the CSV of a probe")
        header, *lines = lines
        if header[:2] != ["video", "label"]:
            raise InputError(
                f"scores {str(path)!r} begin with {header[:2]}; expected video and label"
            )
        classes = tuple(header[2:])
        parsed = [_parsed(path, number, line, classes) for number, line in enumerate(lines, 2)]
        return Scores(
            videos=tuple(line[0] for line in lines),
            labels=np.array([label for label, _ in parsed], dtype=np.int64),
            classes=classes,
            probabilities=np.array([row for _, row in parsed]).reshape(-1, len(classes)),
        )


def pooled(tables: Sequence[Scores]) -> Scores:
    """Join several tables with the same classes and different videos.

    Raises:
        InputError: If a video is in two of them.
    """
    return Scores(
        videos=tuple(video for table in tables for video in table.videos),
        labels=np.concatenate([table.labels for table in tables]),
        classes=tables[0].classes,
        probabilities=np.concatenate([table.probabilities for table in tables]),
    )


def _text(path: Path, mode: Literal["r", "w"]) -> TextIO:
    """Open a table; names of videos that are not UTF-8 are read and written as they are."""
    return cast(TextIO, path.open(mode, encoding="utf-8", errors="surrogateescape", newline=""))


def _parsed(
    path: Path, number: int, line: list[str], classes: tuple[str, ...]
) -> tuple[int, list[float]]:
    """Return the label and the probabilities of a line of the table."""
    place = f"{path} line {number}"
    if len(line) != len(classes) + 2:
        raise InputError(f"{place} has {len(line)} cells; expected {len(classes) + 2}")
    if line[1] not in classes:
        raise InputError(f"{place}: label is {line[1]!r}; expected one of {', '.join(classes)}")
    try:
        return classes.index(line[1]), [float(cell) for cell in line[2:]]
    except ValueError:
        raise InputError(f"{place}: {line[2:]} are not all numbers") from None
