"""The data sets of the matrix: labelled videos with folds, and the footage of each fold."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from selfvid.data.digits.files import write_footage
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.splits import FOLD_COLUMN, folds
from tests.bench.matrix.jobs import Job

SLOTS = ("command", "colour", "preposition", "letter", "digit", "adverb")
_ALIGNED = 25_000  # the unit of GRID's word alignments is a thousandth of a frame, at 25 a second


@dataclass(frozen=True)
class Target:
    """What is classified, on which rows.

    Attributes:
        name: its name in the table.
        labelled: the manifest's name.
        label: its column.
        frames: frames of a probed clip; None leaves them to the row of the matrix.
        segments: parts of a probed clip.
        timing: the slot of GRID whose word's onset and duration are a baseline.
    """

    name: str
    labelled: str
    label: str = "label"
    frames: int | None = None
    segments: int = 4
    timing: str = ""


@dataclass(frozen=True)
class DataSet:
    """A data set: how its tables are made, and what is classified.

    Attributes:
        name: name of its folder.
        tables: writes the lists that `index` reads to a folder, given the folder of all data.
        indexed: arguments of `index`, by the name of the manifest that is written.
        targets: what is classified. All share the folds of the rows of the first.
        balanced: the column that the folds are balanced by; empty for the labels of the first.
        size: side of the fields of flow.
        heads: whether heads are trained on it; on sets of many targets only probes are made.
        folds: number of folds.
    """

    name: str
    tables: Callable[[Path, Path], None]
    indexed: dict[str, tuple[str, ...]]
    targets: tuple[Target, ...]
    balanced: str = ""
    size: int = 64
    heads: bool = True
    folds: int = 5

    def prepare(self) -> list[Job]:
        """Return the commands that index the lists and estimate flow."""
        jobs = [
            Job(
                f"{self.name}/{name}",
                ("index", f"{self.name}/{name}_paths.csv", *more, "-o", f"{self.name}/{name}.csv"),
            )
            for name, more in self.indexed.items()
        ]
        estimated = ("flow", f"{self.name}/footage.csv", "-o", f"{self.name}/flow")
        return [*jobs, Job(f"{self.name}/flow", (*estimated, "--size", str(self.size)))]

    def divide(self, folder: Path) -> None:
        """Write the folds into the labelled manifests, and the footage of each fold.

        The folds are those that `selfvid probe` makes of the first target. Footage of a fold is
        all footage but what it tests, what shows the same, and what is of the same groups.

        Args:
            folder: the folder of the data set, with what `prepare` made.
        """
        first = self.targets[0]
        column = self.balanced or first.label
        videos = Manifest.read_labelled(folder / f"{first.labelled}.csv", column)
        tested: dict[str, str] = {}
        for number, fold in enumerate(folds(videos, column=column, folds=self.folds), 1):
            tested |= {str(videos.groups[at]): str(number) for at in fold.test}
        footage = Manifest.read(folder / "footage.csv").usable
        for name in dict.fromkeys(target.labelled for target in self.targets):
            whole = Manifest.read(folder / f"{name}.csv")
            rows = [
                dataclasses.replace(row, columns=row.columns | {FOLD_COLUMN: tested.get(group, "")})
                for row, group in zip(whole.rows, whole.groups.tolist(), strict=True)
            ]
            Manifest(tuple(rows), whole.root).write(folder / f"{name}_folds.csv")
        (folder / "folds").mkdir(exist_ok=True)
        for name in sorted(set(tested.values())):
            held = videos.select([tested[group] == name for group in videos.groups.tolist()])
            footage.select(apart(footage, held)).write(folder / "folds" / f"{name}.csv")


def apart(footage: Manifest, held: Manifest) -> np.ndarray:
    """Return which rows of the footage share neither video, group nor pictures with `held`, (N,).

    Args:
        footage: N rows.
        held: rows that are kept apart.
    """
    moved = held.moved(footage.root)
    joined = Manifest((*footage.rows, *moved.rows), footage.root).groups
    return ~np.isin(joined[: len(footage)], joined[len(footage) :])


def write_list(path: Path, columns: Sequence[str], lines: Sequence[Sequence[object]]) -> None:
    """Write a list of videos that `index` reads."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(lines)


def _sequence(path: Path) -> str:
    """Return the set and sequence of a video of UT-Interaction, or of its background."""
    found = [re.search(rf"{part}\d+", path.name) for part in ("set", "seq")]
    return "_".join(each[0] for each in found if each is not None)


def _people(data: Path) -> list[tuple[Path, str]]:
    """Return the videos of other people, without groups."""
    places = ("gt_ps7_actions/action*/*.avi", "intel_sample_videos/asl_gestures/*.mkv")
    return [(path, "") for place in places for path in sorted(data.glob(place))]


def _interactions(data: Path) -> list[tuple[Path, str]]:
    places = ("ut_interaction/videos/*/*.avi", "ut_background/*.avi")
    return [(path, _sequence(path)) for place in places for path in sorted(data.glob(place))]


def _recordings(data: Path) -> list[tuple[Path, str]]:
    return [(path, path.stem) for path in sorted(data.glob("fir_action/video/*.mp4"))]


def _ut_tables(data: Path, folder: Path) -> None:
    videos = [each for each in _interactions(data) if "ut_interaction" in each[0].parts]
    lines = [(path, group, path.parent.name) for path, group in videos]
    write_list(folder / "videos_paths.csv", ("path", "group", "label"), lines)
    footage = [*_interactions(data), *_recordings(data), *_people(data)]
    write_list(folder / "footage_paths.csv", ("path", "group"), footage)


def _fir_tables(data: Path, folder: Path) -> None:
    place = data / "fir_action"
    videos = json.loads((place / "annotations.json").read_text())["videos"]
    lines = [
        (place / video["video"], name, part["start_s"], part["end_s"], part["label"])
        for name, video in videos.items()
        for part in video["segments"]
    ]
    write_list(folder / "videos_paths.csv", ("path", "group", "start", "end", "label"), lines)
    footage = [*_recordings(data), *_interactions(data), *_people(data)]
    write_list(folder / "footage_paths.csv", ("path", "group"), footage)


def sentence(align: Path) -> Iterator[tuple[str, float, float, str]]:
    """Yield slot, start and end in seconds, and word of each of the six words of a sentence."""
    lines = [line.split() for line in align.read_text().splitlines() if line.split()]
    words = [line for line in lines if line[2] not in ("sil", "sp")]
    for slot, (start, end, word) in zip(SLOTS, words, strict=True):
        yield slot, int(start) / _ALIGNED, int(end) / _ALIGNED, word


def _grid_tables(data: Path, folder: Path) -> None:
    videos = sorted((data / "grid_s1" / "video").glob("*.mp4"))
    groups = [path.stem[:4] for path in videos]
    write_list(folder / "footage_paths.csv", ("path", "group"), list(zip(videos, groups)))  # noqa: B905
    words, sentences = [], []
    for path, group in zip(videos, groups, strict=True):
        spoken = list(sentence(data / "grid_s1" / "align" / f"{path.stem}.align"))
        times = [f"{second:.3f}" for _, start, end, _ in spoken for second in (start, end)]
        named = [word for *_, word in spoken]
        sentences.append([path, group, *named, " ".join(named[:2]), *times])
        for slot, start, end, word in spoken:
            named = [word if each == slot else "" for each in SLOTS]
            words.append([path, group, f"{start:.3f}", f"{end:.3f}", *named])
    write_list(folder / "words_paths.csv", ("path", "group", "start", "end", *SLOTS), words)
    times = [f"{slot}_{end}" for slot in SLOTS for end in ("start", "end")]
    write_list(
        folder / "sentences_paths.csv", ("path", "group", *SLOTS, "begins", *times), sentences
    )


def _digit_tables(data: Path, folder: Path) -> None:
    """Write generated videos of moving digits; `data` is not read."""
    del data
    written = write_footage(folder / "digits", videos=32, frames=70, size=32, seed=1)
    with written.open(newline="") as file:
        made = list(csv.DictReader(file))
    lines = [
        (
            written.parent / line["path"],
            f"g{number % 8}",
            ("other", "right")["right" in line["direction"]],
        )
        for number, line in enumerate(made)
    ]
    write_list(folder / "videos_paths.csv", ("path", "group", "label"), lines)
    write_list(folder / "footage_paths.csv", ("path", "group"), [line[:2] for line in lines])


_SPOKEN = tuple(Target(f"sentence: {s}", "sentences", s, 72, 12, s) for s in SLOTS)
_WORDS = tuple(Target(f"word: {s}", "words", s, 8, 4, s) for s in SLOTS)
_ONE_FACE = ("--near_duplicates", "false")  # all pictures of one speaker are alike
_PLAIN: dict[str, tuple[str, ...]] = {"videos": (), "footage": ()}

SETS: dict[str, DataSet] = {
    each.name: each
    for each in (
        DataSet("ut", _ut_tables, _PLAIN, (Target("interaction", "videos"),)),
        DataSet("fir", _fir_tables, _PLAIN, (Target("activity", "videos"),)),
        DataSet(
            "grid",
            _grid_tables,
            dict.fromkeys(("footage", "words", "sentences"), _ONE_FACE),
            (*_SPOKEN, *_WORDS),
            balanced="begins",
            heads=False,
        ),
    )
}
QUICK = DataSet("digits", _digit_tables, _PLAIN, (Target("direction", "videos"),), size=32, folds=2)
