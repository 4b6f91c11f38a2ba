"""What was decided, on which machine, and with which versions: a result's small print."""

from __future__ import annotations

import inspect
import os
import platform
import shlex
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import torch

from selfvid import __version__
from selfvid.saving.recorded import describe
from selfvid.data.video.decode import decoder_versions, resolve_decoder
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.fingerprint import fingerprint
from selfvid.probing.classifiers import inner_folds
from selfvid.probing.classifiers import knn
from selfvid.probing.classifiers import linear
from selfvid.features.extract import Cut
from selfvid.probing.encoders import Subject
from selfvid.probing.variants import Task, chance

INTERVAL = (
    "95 % percentile bootstrap, 2000 draws, of per-video correctness pooled over folds; whole "
    "groups are resampled, and random seeds or label draws where there are several; differences "
    "are paired on the same resampled groups; the spread that other training parts would bring "
    "is not in it: see fold_accuracies"
)
CHANCE = "share of the largest class in each test part, the most that a constant can reach"
RANDOM = (
    "the same construction, weights drawn anew for each seed as the network's own constructor "
    "draws them, statistics of batch norm as initialised"
)


def command(name: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """The command line that asks for the same: arguments that differ from their defaults."""
    words = ["selfvid", *name.split()]
    for option, parameter in inspect.signature(function).parameters.items():
        value = arguments[option]
        if parameter.default is inspect.Parameter.empty:
            named = parameter.kind is inspect.Parameter.KEYWORD_ONLY
            several = not named and isinstance(value, (list, tuple))
            words += [f"--{option}"] if named else []
            words += map(_word, value) if several else [_word(value)]
        elif value != parameter.default:
            words += [f"--{option}", _word(value)]
    return shlex.join(words)


def about_subject(subject: Subject) -> dict[str, Any]:
    """Which encoder, as plain data."""
    provenance = subject.encoder.provenance
    return {
        "folder": str(subject.folder),
        "fingerprint": fingerprint(subject.encoder),
        "construction": describe(subject.encoder),
        "recipe": provenance.recipe,
        "footage": len(provenance.footage),
        "notes": provenance.notes,
        "start": subject.start,
        "start_kept": subject.at_start is not None,
    }


def about_data(manifest: Manifest, task: Task, *, label: str) -> dict[str, Any]:
    """Which videos, and how they were split, as plain data."""
    tested = task.tested
    groups = task.groups
    return {
        "manifest_hash": manifest.hash(),
        "label": label,
        "classes": {name: int((task.labels == k).sum()) for k, name in enumerate(task.classes)},
        "videos": len(manifest),
        "tested": len(tested),
        "groups": len(set(groups.tolist())),
        "groups_tested": len(set(groups[tested].tolist())),
        "split": "the manifest's own" if len(task.folds) == 1 else "StratifiedGroupKFold by group",
        "folds": [
            {
                "name": fold.name,
                "train": len(fold.train),
                "test": len(fold.test),
                "test_groups": sorted(set(groups[fold.test].tolist())),
            }
            for fold in task.folds
        ],
        "chance": {
            "largest_class": chance(task).accuracy.mean,
            "uniform": 1 / len(task.classes),
            "meaning": CHANCE,
        },
    }


def about_method(cut: Cut, *, seed: int, seeds: int) -> dict[str, Any]:
    """How videos became verdicts, as plain data."""
    return {
        "sampling": repr(cut.sampling),
        "frames": cut.sampling.length,
        "size": cut.size,
        "pool": str(cut.pool),
        "decoder": resolve_decoder(cut.decoder),
        "precision": cut.precision,
        "classifier": linear.PROTOCOL,
        "grid": linear.GRID,
        "default_c": linear.DEFAULT_C,
        "inner_folds": inner_folds.INNER_FOLDS,
        "knn": knn.PROTOCOL,
        "interval": INTERVAL,
        "random_weights": RANDOM,
        "seed": seed,
        "random_seeds": list(range(seeds)),
    }


def about_machine(device: torch.device) -> dict[str, Any]:
    """Versions of everything that a figure can depend on, and the machine that computed."""
    names = ("torchvision", "numpy", "scikit-learn", "lightly")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "versions": {
            "selfvid": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            **{package: version(package) for package in names},
            **decoder_versions(),
        },
        "hardware": {
            "device": str(device),
            "name": name or platform.machine(),
            "cores": os.cpu_count(),
        },
    }


def _word(value: Any) -> str:
    if isinstance(value, Manifest):
        return "MANIFEST"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(str, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
