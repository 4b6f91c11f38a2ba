"""Plain CNN against videoCNN: the same network, with and without pull and push steps on video.

Run with ``python -m tests.bench.videocnn [--tasks coil20 orl1 orl2 orl5] [--seeds 5] [--quick]``.
It writes the two manifests of each task into a scratch folder, through `selfvid index`, trains
both sides through `selfvid.finetune` with the settings of recipes/mobahi2009_coil20.yaml, and
prints mean and spread over seeds and the paired difference.

==============  ==================================================================================
task            labelled; tested; unlabelled video
==============  ==================================================================================
coil20          views 0, 16, 33 and 49 of each object; the other 46; all 50 in turning order
coil10_others   the same of objects 1 to 10; the video is of the other 10 objects
orl1 orl2 orl5  1, 2 or 5 images of each person, drawn by the seed; the others; one video of all
                images, person after person, with 39 wrong "consecutive" pairs, as the paper has it
==============  ==================================================================================

A seed draws weights, batches and, for orl, which images are labelled; both sides get the same.
With ``--matched`` a third side is a plain CNN with three times the steps: as many updates. Nearest
neighbour on pixels stands beside them as a baseline.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from selfvid.data.indexing.command import index
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import open_video
from selfvid.finetuning.coherence import Coherence
from selfvid.finetuning.command import finetune
from selfvid.heads.average import Average
from selfvid.saving.recorded import build
from selfvid.training.schedule import Training

SHARED = Path(__file__).parents[2] / "../shared/data"
RECIPE = Path(__file__).parents[2] / "recipes/mobahi2009_coil20.yaml"
COIL_VIEWS, COIL_LABELLED = 50, (0, 16, 33, 49)
ORL_IMAGES = 10
Videos = dict[str, list[Path]]


@dataclass(frozen=True)
class Task:
    """Stills to name, and videos that show the same kind of thing.

    Attributes:
        shown: images of each class.
        labelled: for a seed, numbers of the images that have labels, one row for each class.
        videos: images of each unlabelled video, in order.
        size: H and W that images are resized to.
    """

    shown: Videos
    labelled: Callable[[int], np.ndarray]
    videos: Videos
    size: list[int]


def coil(shared: Path, *, classes: Sequence[int], filmed: Sequence[int]) -> Task:
    """Objects on a turntable, 50 of the 72 views that COIL-20 has."""

    def views(objects: Sequence[int]) -> Videos:
        folder = shared / "coil20_32px"
        return {
            f"obj{number}": [folder / f"obj{number}__{view}.png" for view in range(COIL_VIEWS)]
            for number in objects
        }

    def fixed(seed: int) -> np.ndarray:
        del seed
        return np.tile(COIL_LABELLED, (len(classes), 1))

    return Task(views(classes), fixed, views(filmed), [32, 32])


def orl(shared: Path, *, labelled: int) -> Task:
    """Forty people, ten images each; the video is each person's images one after the other."""
    folder = shared / "orl_faces"
    people = {
        f"s{person}": [folder / f"s{person}/{image}.pgm" for image in range(1, ORL_IMAGES + 1)]
        for person in range(1, 41)
    }

    def draw(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return np.stack([rng.permutation(ORL_IMAGES)[:labelled] for _ in people])

    one_after_the_other = [image for images in people.values() for image in images]
    return Task(people, draw, {"people": one_after_the_other}, [40, 32])


def tasks(shared: Path) -> dict[str, Callable[[], Task]]:
    """Every task by name."""
    first, others, every = range(1, 11), range(11, 21), range(1, 21)
    return {
        "coil20": lambda: coil(shared, classes=every, filmed=every),
        "coil10_others": lambda: coil(shared, classes=first, filmed=others),
        "orl1": lambda: orl(shared, labelled=1),
        "orl2": lambda: orl(shared, labelled=2),
        "orl5": lambda: orl(shared, labelled=5),
    }


def write_footage(task: Task, scratch: Path) -> Path:
    """The manifest of unlabelled videos: a folder of links to images for each."""
    for name, images in task.videos.items():
        folder = scratch / "videos" / name
        folder.mkdir(parents=True)
        for number, image in enumerate(images):
            (folder / f"{number}{image.suffix}").symlink_to(image.resolve())
    manifest = scratch / "footage.csv"
    index(scratch / "videos", out=manifest, quiet=True)
    return manifest


def write_stills(task: Task, scratch: Path, *, seed: int) -> Path:
    """The manifest of labelled images, each a video of one frame."""
    listed = scratch / f"stills-{seed}.csv"
    with listed.open("w", newline="") as table:
        lines = csv.writer(table)
        lines.writerow(["path", "label", "split"])
        for chosen, (name, images) in zip(task.labelled(seed), task.shown.items(), strict=True):
            for number, image in enumerate(images):
                split = "train" if number in chosen else "test"
                lines.writerow([str(image.resolve()), name, split])
    manifest = scratch / f"labelled-{seed}.csv"
    # Neighbouring views are near duplicates, and the published protocol tests on them.
    index(listed, out=manifest, near_duplicates=False, quiet=True)
    return manifest


def sides(recipe: dict[str, Any], footage: Path, *, matched: bool) -> dict[str, dict[str, Any]]:
    """The settings that differ."""
    plan = Training(**recipe["training"])
    coherence = Coherence(data=str(footage), **build(recipe["coherence"]))
    found: dict[str, dict[str, Any]] = {
        "plain": {"training": plan},
        "video": {"training": plan, "coherence": coherence},
    }
    if matched:
        found["plain, 3x the steps"] = {"training": replace(plan, steps=3 * plan.steps)}
    return found


def accuracy(recipe: dict[str, Any], data: Path, out: Path, task: Task, **more: Any) -> float:
    """Share of test images classified correctly, in per cent."""
    torch.manual_seed(more["seed"])
    result = finetune(
        data,
        out,
        encoder=build(recipe["encoder"]),
        head=Average,
        clips=build(recipe["clips"]),
        views=build(recipe["views"]),
        size=task.size,
        workers=0,
        quiet=True,
        **more,
    )
    return 100 * result.accuracy.mean


def nearest_neighbour(data: Path, size: list[int]) -> float:
    """Share of test images classified correctly by the nearest labelled image, in per cent."""
    videos = Manifest.read(data).usable
    pixels = []
    for row in videos.rows:
        with open_video(videos.path_of(row), size=(size[0], size[1])) as still:
            pixels.append(still.read([0]).astype(np.float64).ravel())
    labels, split = np.array(videos.column("label")), np.array(videos.column("split"))
    train, test = (torch.from_numpy(np.stack(pixels)[split == part]) for part in ("train", "test"))
    nearest = torch.cdist(test, train).argmin(1).numpy()
    return 100 * float((labels[split == "train"][nearest] == labels[split == "test"]).mean())


def compare(
    task: Task, recipe: dict[str, Any], *, seeds: int, matched: bool
) -> dict[str, list[float]]:
    """Accuracy of each side, one for each seed."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        footage = write_footage(task, scratch)
        for seed in range(seeds):
            data = write_stills(task, scratch, seed=seed)
            found.setdefault("nearest", []).append(nearest_neighbour(data, task.size))
            for name, settings in sides(recipe, footage, matched=matched).items():
                began = time.perf_counter()
                out = scratch / f"{name}-{seed}"
                share = accuracy(recipe, data, out, task, seed=seed, **settings)
                found.setdefault(name, []).append(share)
                seconds = time.perf_counter() - began
                print(f"  seed {seed} {name}: {share:.2f} %, {seconds:.0f} s", flush=True)
    return found


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation."""
    deviation = statistics.stdev(values) if len(values) > 1 else float("nan")
    return f"{statistics.mean(values):.2f} +- {deviation:.2f}"


def settings(chosen: argparse.Namespace) -> dict[str, Any]:
    """The recipe, with what the command line changes."""
    recipe = dict(yaml.safe_load(RECIPE.read_text()))
    recipe["training"]["steps"] = chosen.steps or recipe["training"]["steps"]
    recipe["training"]["rate"] = chosen.rate or recipe["training"]["rate"]
    recipe["coherence"]["margin"] = chosen.margin or recipe["coherence"]["margin"]
    recipe["training"]["checkpoint_every"] = recipe["training"]["steps"]
    return recipe


def main(words: Sequence[str] | None = None) -> None:
    """Print a table of tasks and sides."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=SHARED)
    known = tasks(SHARED)
    parser.add_argument("--tasks", nargs="+", choices=list(known), default=list(known))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="supervised steps; the recipe's by default")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--margin", type=float)
    parser.add_argument("--matched", action="store_true", help="plain with as many updates, too")
    parser.add_argument("--quick", action="store_true", help="a few steps, to see that it runs")
    chosen = parser.parse_args(words)
    if chosen.quick:
        chosen.seeds, chosen.steps = 1, 5
    recipe = settings(chosen)
    lines = []
    for name in chosen.tasks:
        print(name, flush=True)
        task = tasks(chosen.data)[name]()
        found = compare(task, recipe, seeds=chosen.seeds, matched=chosen.matched)
        gain = [video - plain for plain, video in zip(found["plain"], found["video"], strict=True)]
        shown = "; ".join(f"{side} {spread(values)}" for side, values in found.items())
        lines.append(f"{name}: {shown}; video - plain {spread(gain)}")
    plan = recipe["training"]
    print(
        f"accuracy in %, mean +- deviation over {chosen.seeds} seeds, {plan['steps']} supervised "
        f"steps of {plan['batch']}, rate {plan['rate']}, margin {recipe['coherence']['margin']}"
    )
    print("\n".join(lines))


if __name__ == "__main__":
    main()
