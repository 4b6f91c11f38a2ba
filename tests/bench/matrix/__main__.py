"""Make the matrix a row at a time; what has been made is kept and not made again."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from docs.recipe_table import RECIPES
from selfvid.saving.whole import write_whole
from tests.bench.matrix.columns import COLUMNS, Column, Place, share_features, short
from tests.bench.matrix.jobs import Job, Work, minutes
from tests.bench.matrix.rows import ROWS, Row
from tests.bench.matrix.sets import QUICK, SETS, DataSet
from tests.bench.matrix.table import tables

DATA = Path("../shared/data")
TABLE = "table.md"
QUICK_ROWS = ("coherence_of_frames", "vicreg_on_stacks_of_flow")  # one of pixels, one of flow


def main(arguments: list[str] | None = None) -> int:
    """Make the chosen part of the matrix; the exit code is 1 if a command failed."""
    given = _parser().parse_args(arguments)
    if given.quick:
        with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
            work = Work(given.work or Path(folder), dry=given.dry, inside=True)
            return carry_out(work, given, [QUICK])
    if given.work is None:
        sys.exit("work is not given; expected --work FOLDER, which keeps what has been made")
    return carry_out(Work(given.work, dry=given.dry), given, [SETS[name] for name in given.data])


def carry_out(work: Work, given: argparse.Namespace, sets: Sequence[DataSet]) -> int:
    """Make what is chosen on some data sets, and print and keep the tables after every row."""
    names = given.rows or (QUICK_ROWS if given.quick else [short(row.name) for row in ROWS])
    rows = [row for row in ROWS if short(row.name) in names and has_recipe(row)]
    failed: list[Job] = []
    places: list[Place] = []
    for data in sets:
        prepare(work, data, given.footage)
        own = [Place(row, data, given.quick, given.workers, given.budget) for row in rows]
        everything = [job for place in own for job in place.jobs(given.columns)]
        print(f"{data.name}: about {minutes(work.guess(everything))}", flush=True)
        for place in own:
            places.append(place)
            failed += one_row(work, place, given.columns)
            if not given.dry:
                write_whole(work.folder / TABLE, tables(work.folder, places))
    print(tables(work.folder, places))
    for job in failed:
        print(f"failed: {job.line}")
    return int(bool(failed))


def has_recipe(row: Row) -> bool:
    """Return whether the row's recipe is there; say so if it is not."""
    there = (RECIPES / f"{row.recipe}.yaml").is_file()
    if not there:
        print(f"{row.name} is left out: there is no recipe {row.recipe}", flush=True)
    return there


def prepare(work: Work, data: DataSet, footage: Path) -> None:
    """Index a data set, estimate its flow, and write its folds."""
    folder = work.folder / data.name
    jobs = data.prepare()
    if work.dry:
        work.carry_out(jobs)
        return
    folder.mkdir(exist_ok=True)
    if not all(map(work.is_done, jobs)):
        data.tables(footage.absolute(), folder)
    if work.carry_out(jobs):
        sys.exit(f"{data.name} could not be prepared")
    data.divide(folder)


def one_row(work: Work, place: Place, columns: Sequence[Column]) -> list[Job]:
    """Make the columns of one row; return what failed."""
    jobs = place.jobs(columns)
    probes = [job for job in jobs if job.words[0] == "probe"]
    failed = []
    for number, job in enumerate(jobs):
        if work.is_done(job):
            continue
        left = minutes(work.guess(jobs[number:]))
        print(f"[{place.top} {number + 1}/{len(jobs)}, about {left} left]", flush=True)
        if job in probes and not work.dry:
            share_features(work.folder, job, probes)
        failed += work.carry_out([job])
    return failed


def _parser() -> argparse.ArgumentParser:
    names = [short(row.name) for row in ROWS]
    parser = argparse.ArgumentParser("python -m tests.bench.matrix", description=__doc__)
    parser.add_argument("--work", type=Path, help="folder that keeps all runs and results")
    parser.add_argument("--data", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--rows", nargs="+", choices=names, help="by default all; two if quick")
    parser.add_argument("--columns", nargs="+", choices=COLUMNS, default=list(COLUMNS))
    parser.add_argument("--footage", type=Path, default=DATA, help="folder of the data sets")
    parser.add_argument("--workers", type=int, help="loading processes of each command")
    parser.add_argument("--budget", type=float, default=1.0, help="share of the rows' steps")
    parser.add_argument("--quick", action="store_true", help="tiny, on generated videos")
    parser.add_argument("--dry", action="store_true", help="only print the commands")
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
