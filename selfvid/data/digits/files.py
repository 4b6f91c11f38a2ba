"""Moving digits written as a folder of video files with a table of labels."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from tqdm import tqdm

from selfvid.data.digits.glyphs import SIDE, Glyphs, Split, load_glyphs
from selfvid.data.digits.moving_digits import (
    DIRECTIONS,
    MovingDigits,
    bounce,
    drift,
    generator_for,
    throws,
)
from selfvid.data.video.encode import write_video
from selfvid.errors import InputError
from selfvid.saving.whole import replacing

Kind = Literal["bouncing", "drifting"]

LABELS_FILE = "labels.csv"

_DIGITS: dict[str, int] = {"bouncing": 2, "drifting": 1}  # in each video
_STEP = 0.1  # of bouncing digits, share of the free canvas per frame: as in the authors' code
_SPEED = 2.0  # of drifting digits, pixels per frame: half a canvas of 64 in 16 frames
_SEQUENCES_AT_ONCE = 64  # sequences drawn together: fast, and few megabytes of memory


@dataclass(frozen=True)
class _Row:
    """A row of the table; the names of the fields are its columns."""

    path: str
    digit: str
    direction: str
    split: Split
    group: str


def write_footage(
    folder: Path,
    *,
    kind: Kind = "drifting",
    videos: int = 400,
    frames: int = 20,
    source: Literal["sklearn"] | Path = "sklearn",
    test_share: float = 0.25,
    size: int = 64,
    rate: float = 10.0,
    seed: int = 0,
) -> Path:
    """Write moving digits as video files with a table of their labels, completely or not at all.

    The table ``labels.csv`` has one row per video: its path relative to the table, the digit, the
    direction of motion (drifting digits only), the split, and a group (videos that must be in the
    same split). Test videos show images of the test part. Two videos that show the same digit
    image belong to one group. In each split all directions are equally frequent, as far as the
    number of videos allows.

    Args:
        folder: new or empty folder to write.
        kind: ``drifting`` for one digit with one direction of motion, ``bouncing`` for two
            digits as in Moving MNIST.
        videos: number of videos in both splits together.
        frames: frames of each video.
        source: ``sklearn``, or a folder with MNIST's idx files.
        test_share: share of the videos that are for testing.
        size: height and width in pixels, an even number.
        rate: frames per second.
        seed: seed of all random choices.

    Returns:
        The path of the table.

    Raises:
        InputError: If an argument is out of its range or the folder is not empty.
    """
    folder = Path(folder)
    tests = round(videos * test_share)
    _check(folder, kind=kind, videos=videos, tests=tests, frames=frames, size=size)
    parts: tuple[tuple[Split, int], ...] = (("train", videos - tests), ("test", tests))
    rows: list[_Row] = []
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        replacing(folder) as draft,
        tqdm(total=videos, unit="video", desc="writing", disable=None) as progress,
    ):
        for split, count in parts:
            (draft / split).mkdir(parents=True)
            glyphs = load_glyphs(source, split=split)
            for row, pixels in _videos(kind, glyphs, count, frames, size, seed):
                write_video(draft / row.path, pixels, rate=rate)
                rows.append(row)
                progress.update()
        _write_table(draft / LABELS_FILE, rows)
    return folder / LABELS_FILE


def _check(folder: Path, *, kind: str, videos: int, tests: int, frames: int, size: int) -> None:
    if kind not in _DIGITS:
        raise InputError(f"kind is {kind!r}; expected one of {tuple(_DIGITS)}")
    if not 0 < tests < videos:
        raise InputError(
            f"{videos} videos with {tests} of them for testing; expected at least one on each side"
        )
    if frames < 1:
        raise InputError(f"frames is {frames}; expected at least 1")
    if size < SIDE or size % 2:
        raise InputError(f"size is {size} pixels; expected an even number, at least {SIDE}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is already there; expected a new or empty folder")


def _videos(
    kind: Kind, glyphs: Glyphs, count: int, frames: int, size: int, seed: int
) -> Iterator[tuple[_Row, Tensor]]:
    """Yield the row of the table and the pixels (T, 3, H, W) of each video of one split."""
    generator = generator_for(seed, ("train", "test").index(glyphs.split))
    casts = _casts(len(glyphs), _DIGITS[kind], generator)
    directions = torch.arange(count) % len(DIRECTIONS)
    directions = directions[torch.randperm(count, generator=generator)]
    for numbers in torch.arange(count).split(_SEQUENCES_AT_ONCE):
        chosen = casts[numbers % len(casts)]
        if kind == "bouncing":
            made = _bounced(glyphs, chosen, frames, size, generator)
        else:
            made = _drifted(glyphs, chosen[:, 0], directions[numbers], frames, size, generator)
        for place, number in enumerate(numbers.tolist()):
            yield _row(made, place, number, glyphs.split), made.rgb()[place]


def _bounced(
    glyphs: Glyphs, chosen: Tensor, frames: int, size: int, generator: torch.Generator
) -> MovingDigits:
    starts, velocities = throws(tuple(chosen.shape), step=_STEP, generator=generator)
    return bounce(glyphs, chosen, starts=starts, velocities=velocities, frames=frames, canvas=size)


def _drifted(
    glyphs: Glyphs,
    chosen: Tensor,
    directions: Tensor,
    frames: int,
    size: int,
    generator: torch.Generator,
) -> MovingDigits:
    starts = torch.rand(len(chosen), 2, generator=generator, dtype=torch.float64) * size
    return drift(
        glyphs,
        chosen,
        starts=starts,
        directions=directions,
        frames=frames,
        canvas=size,
        speed=_SPEED,
    )


def _casts(glyphs: int, digits: int, generator: torch.Generator) -> Tensor:
    """Return the glyphs that appear together, (M, N): each glyph is in one cast only.

    Videos with different casts therefore share no glyph and belong to different groups.
    """
    shuffled = torch.randperm(glyphs, generator=generator)
    return shuffled[: glyphs // digits * digits].reshape(-1, digits)


def _row(made: MovingDigits, place: int, number: int, split: Split) -> _Row:
    direction = ""
    if made.directions is not None:
        direction = tuple(DIRECTIONS)[int(made.directions[place])]
    return _Row(
        path=f"{split}/{number:06d}.mp4",
        digit="+".join(str(digit) for digit in sorted(made.labels[place].tolist())),
        direction=direction,
        split=split,
        group="-".join((split, *(str(glyph) for glyph in made.glyphs[place].tolist()))),
    )


def _write_table(path: Path, rows: list[_Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(_Row))
        writer.writerows(astuple(row) for row in rows)
