"""The commands of a row of the matrix, and the figures in what they leave."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from docs.recipe_table import RECIPES, read_header
from tests.bench.matrix.jobs import Job
from tests.bench.matrix.rows import Fit, Head, Row
from tests.bench.matrix.sets import DataSet, Target

Column = Literal["probe", "transductive", "lrcn", "gru_rcn", "temporal", "two_stream"]
COLUMNS: tuple[Column, ...] = (
    "probe",
    "transductive",
    "lrcn",
    "gru_rcn",
    "temporal",
    "two_stream",
)
COUNTS = (1, 5)  # labelled videos of each class
SEEDS = 3  # random weights, and draws of labelled videos
_RECIPE_OF_STREAM: dict[Head, str] = {
    "spatial": "single_frame_ut_interaction",
    "temporal": "temporal_ut_interaction",
}


def short(name: str) -> str:
    """Return a name as a folder."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


@dataclass(frozen=True)
class Place:
    """A row on a data set: its commands and where their results are.

    Attributes:
        row: the objective.
        data: the data set.
        small: whether trainings are as small as the recipes' headers say, to try the command.
        workers: number of loading processes; None leaves it to the commands.
        budget: share of the row's steps of pretraining.
    """

    row: Row
    data: DataSet
    small: bool = False
    workers: int | None = None
    budget: float = 1.0

    @property
    def top(self) -> str:
        """The folder of the row."""
        return f"{self.data.name}/{short(self.row.name)}"

    def jobs(self, columns: Sequence[Column]) -> list[Job]:
        """Return the commands of the columns, in order, each once."""
        found: list[Job] = []
        if set(columns) - {"transductive"}:
            found += (self._pretrain(str(fold)) for fold in range(1, self.data.folds + 1))
        if "transductive" in columns:
            found.append(self._pretrain(""))
        for name in ("probe", "transductive"):
            if name in columns:
                found += (self.probe(target, name) for target in self.data.targets)
        if self.data.heads:
            for head in ("lrcn", "gru_rcn", "temporal"):
                if head in columns and head in self.row.heads:
                    found += self._head(head)
            if "two_stream" in columns and {"spatial", "temporal"} & set(self.row.heads):
                found += self._two_stream()
        return list(dict.fromkeys(found))

    def _pretrain(self, fold: str) -> Job:
        """Return the pretraining for a fold; "" is on all footage."""
        folder = f"{self.top}/inductive/folds/{fold}" if fold else f"{self.top}/transductive"
        footage = f"{self.data.name}/{f'folds/{fold}' if fold else 'footage'}.csv"
        flow = ("--flow", f"{self.data.name}/flow") if self.row.pretraining_flow else ()
        words = ("pretrain", "--config", self.row.recipe, "--data", footage, "--out", folder)
        kept = ("--decoded", f"{self.data.name}/decoded") if not self.row.encoder_flow else ()
        steps = () if self.small else ("--training.steps", str(round(self.budget * self.row.steps)))
        options = (*self._small(self.row.recipe), *self.row.options, *steps, *self._loading)
        return Job(f"{folder}/pretrain", (*words, *flow, *kept, *options), folder)

    def probed(self, target: Target, column: Column) -> str:
        """Return the folder of the probe of a target."""
        return (
            f"{self.top}/probe_{'inductive' if column == 'probe' else column}/{short(target.name)}"
        )

    def probe(self, target: Target, column: Column) -> Job:
        """Return the probe of a target."""
        run = f"{self.top}/{'inductive' if column == 'probe' else column}"
        out = self.probed(target, column)
        frames = self.row.frames if target.frames is None else target.frames
        places = [run if name == "encoder" else f"{run}/{name}" for name in self.row.encoders]
        words = ["probe", *places, f"{self.data.name}/{target.labelled}_folds.csv"]
        words += ["--label", target.label, "--pool", "segments"]
        words += ["--segments", str(target.segments), "--frames", str(frames)]
        words += ["--flow", f"{self.data.name}/flow", "--motion", "false"]
        words += ["--label_curve", f"[{','.join(map(str, COUNTS))}]", "--seeds", str(SEEDS)]
        if target.timing:
            described = {
                "class_path": "tests.bench.matrix.timing.WordTiming",
                "init_args": {"slot": target.timing},
            }
            words += ["--baselines", json.dumps([described]), "--allow", '["tests."]']
        return Job(out, (*words, "--out", out, *self._loading))

    def _head(self, head: Head) -> Iterator[Job]:
        """Yield the training of a head from the row's encoders, from random ones, and the two."""
        fit = self.row.heads[head]
        begun, random = f"{self.top}/{head}", f"{self.top}/{head}_random"
        run = f"{self.top}/inductive"
        own = run if fit.encoder == "encoder" else f"{run}/{fit.encoder}"
        yield self._finetune(fit, begun, ("--init", own), head)
        start = f"{run}/folds/1/{fit.encoder}_at_start"  # the same in every fold
        yield self._finetune(fit, random, ("--init", start), head)
        yield self._compare(begun, random)

    def _two_stream(self) -> Iterator[Job]:
        """Yield both streams, and their average; a stream that the row lacks has random weights."""
        streams: list[tuple[str, str]] = []
        for head in ("spatial", "temporal"):
            if head in self.row.heads:
                begun, random, _ = made = list(self._head(head))
                yield from made[:2]
                streams.append((begun.out, random.out))
            else:
                plain = f"{self.data.name}/random/{head}"
                yield self._finetune(Fit(_RECIPE_OF_STREAM[head], ()), plain, (), head)
                streams.append((plain, plain))
        fused = [f"{self.top}/two_stream", f"{self.top}/two_stream_random"]
        for out, pair in zip(fused, zip(*streams, strict=True), strict=True):
            manifest = f"{self.data.name}/{self._target.labelled}_folds.csv"
            yield Job(f"{out}/fuse", ("fuse", *pair, "--data", manifest, "-o", out))
        yield self._compare(*fused)

    @property
    def _target(self) -> Target:
        return self.data.targets[0]

    def _finetune(self, fit: Fit, out: str, init: tuple[str, ...], head: Head) -> Job:
        reads_flow = head == "temporal" or (self.row.encoder_flow and bool(init))
        kept = ("--flow", f"{self.data.name}/flow")
        if not reads_flow:
            kept = ("--decoded", f"{self.data.name}/decoded")
        manifest = f"{self.data.name}/{self._target.labelled}_folds.csv"
        words = ("finetune", "--config", fit.recipe, "--data", manifest, "--out", out, *init)
        options = ("--label", self._target.label, *kept, *self._small(fit.recipe), *fit.options)
        return Job(f"{out}/finetune", (*words, *options, *self._loading), out)

    @property
    def _loading(self) -> tuple[str, ...]:
        return () if self.workers is None else ("--workers", str(self.workers))

    def _small(self, recipe: str) -> tuple[str, ...]:
        if not self.small:
            return ()
        # Crops of the recipe are larger than the flow of small videos.
        whole = ("--crop", "null") if recipe == _RECIPE_OF_STREAM["temporal"] else ()
        return (*read_header(RECIPES / f"{recipe}.yaml").small, *whole)

    def _compare(self, first: str, second: str) -> Job:
        manifest = f"{self.data.name}/{self._target.labelled}_folds.csv"
        out = f"{first}_compared"
        return Job(out, ("compare", first, second, "--data", manifest, "-o", out))


def share_features(work: Path, job: Job, others: Sequence[Job]) -> None:
    """Give a probe the kept features of earlier probes of the same rows, which it finds by key.

    Args:
        work: the folder of the work.
        job: a probe that is to be made.
        others: other probes of the same row.
    """
    target = work / job.name / "features"
    for other in others:
        kept = work / other.name / "features"
        if other.name != job.name and kept.is_dir() and not target.exists():
            shutil.copytree(kept, target)


def read(path: Path) -> dict[str, Any] | None:
    """Return what a command wrote as its result; None if it is not there."""
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found
