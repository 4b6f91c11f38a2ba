"""The folder of a run, what is recorded in it, and starting a run from the weights in another."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import logging
import math
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from selfvid import __version__
from selfvid.encoders.base import Encoder, load_encoder
from selfvid.encoders.input import Input
from selfvid.encoders.vectors import Percepts
from selfvid.errors import InputError
from selfvid.saving.former import current_recipe
from selfvid.saving.plain_data import plain_yaml
from selfvid.saving.printable import shell_word
from selfvid.saving.recorded import describe
from selfvid.saving.whole import is_draft, to_disk, write_whole

logger = logging.getLogger(__name__)

LOCK = ".lock"  # name of the file that the process which writes a run has locked
LEAST_MATCH = 0.5  # share of the weights that a warm start must fill: less is a mistake
PACKAGES = ("torch", "torchvision", "pytorch-lightning", "lightly", "kornia", "decord", "av")


class RunFolder:
    """The files and folders of a run.

    Args:
        path: the run's folder.

    Attributes:
        path: the run's folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    recipe = property(lambda self: self.path / "recipe.yaml")
    checkpoints = property(lambda self: self.path / "checkpoints")
    encoder = property(lambda self: self.path / "encoder")
    objective = property(lambda self: self.path / "objective")
    history = property(lambda self: self.path / "history.jsonl")
    tensorboard = property(lambda self: self.path / "tensorboard")
    features = property(lambda self: self.path / "features")
    pictures = property(lambda self: self.path / "pictures")
    summary = property(lambda self: self.path / "summary.json")
    put_aside = property(lambda self: self.path / "put_aside.txt")
    manifests = property(lambda self: self.path / "manifests.json")
    finished = property(lambda self: self.path / "finished.txt")

    def start_of(self, name: str) -> Path:
        """Return the folder of an encoder as it was before training.

        Args:
            name: name of the folder of the trained encoder.
        """
        return self.path / f"{name}_at_start"

    def fold(self, number: int) -> Path:
        """Return the folder of a fold, counted from 1, in a run with several folds."""
        return self.path / "folds" / str(number)

    @property
    def folds(self) -> tuple[Path, ...]:
        """The folders of all folds, in order; empty if the run has a single split."""
        found = (self.path / "folds").glob("[0-9]*")
        return tuple(sorted(found, key=lambda folder: int(folder.name)))

    @property
    def encoders(self) -> tuple[Path, ...]:
        """The folders to load encoders from: the run, or its folds if only these have one.

        ``RUN/flow_encoder`` stands for ``RUN/folds/1/flow_encoder`` and so on in the same way, if
        the folds have encoders of that name.
        """
        if self.path.exists():
            return (self.path,) if self.encoder.is_dir() else self.folds or (self.path,)
        named = (fold / self.path.name for fold in RunFolder(self.path.parent).folds)
        return tuple(place for place in named if place.is_dir()) or (self.path,)

    def create(self) -> None:
        """Create the folder, or take over one that a killed run left before it had a recipe.

        Raises:
            InputError: If it exists and has anything else in it.
        """
        if self.path.exists() and not (self.path.is_dir() and self._is_left_over()):
            raise InputError(
                f"out {str(self.path)!r} exists; expected a new one, "
                "or --resume to continue the run in it"
            )
        for folder in (self.path, self.checkpoints, self.pictures):
            folder.mkdir(parents=True, exist_ok=True)

    def _is_left_over(self) -> bool:
        """Whether the folder has nothing but what is written before the recipe, and drafts."""
        return all(
            (path in (self.checkpoints, self.pictures) and not any(path.iterdir()))
            or path in (self.manifests, self.path / LOCK)
            or is_draft(path)
            for path in self.path.iterdir()
        )

    def check_resumable(self, recipe: dict[str, Any]) -> None:
        """Check that the run can be resumed with this recipe.

        Raises:
            InputError: If there is no run, if it is finished, or if its recipe differs; the
                message names the difference.
        """
        if not self.recipe.is_file():
            raise InputError(f"{str(self.path)!r} has no run to resume; expected recipe.yaml")
        if self.finished.exists():
            raise InputError(
                f"the run in {str(self.path)!r} is finished; nothing to resume: to train its "
                f"encoder further, begin a new run with --init {shell_word(self.path)}"
            )
        before = _fixed(self.read_recipe())
        now = _fixed(recipe)
        for key in sorted({*before, *now}):
            if before.get(key) != now.get(key):
                raise InputError(
                    f"{key} of the run in {str(self.path)!r} was {before.get(key)!r}, "
                    f"got {recipe.get(key)!r}; a resumed run keeps its recipe, but for the rate"
                )

    def read_recipe(self) -> dict[str, Any]:
        """Return the arguments of the run, under their current names.

        Raises:
            InputError: If there is no recipe.
        """
        try:
            plain = plain_yaml(self.recipe.read_text(encoding="utf-8"), what="recipe")
        except (OSError, ValueError):
            plain = None
        if not isinstance(plain, dict):
            raise InputError(
                f"{str(self.recipe)!r} is not a recipe; expected the one that a run writes"
            )
        return current_recipe(plain)

    def finish(self) -> None:
        """Write the file that says that the run is finished; it is the last file of a run."""
        for history in self.path.rglob(self.history.name):  # of every fold
            to_disk(history)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        write_whole(self.finished, f"{now}\n")

    def write_recipe(self, recipe: dict[str, Any]) -> None:
        """Write the recipe, with the versions and the hardware as comments above it."""
        header = "".join(f"# {name}: {value}\n" for name, value in surroundings().items())
        body = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True)
        write_whole(self.recipe, header + body)

    def trim_history(self, steps: int) -> None:
        """Remove the lines of the history after step `steps`: a resumed run writes them again."""
        if not self.history.is_file():
            return
        kept = []
        for line in self.history.read_text().splitlines():
            try:
                if json.loads(line)["step"] <= steps:
                    kept.append(line + "\n")
            except ValueError:
                continue  # an incomplete line: the run was killed while writing it
        write_whole(self.history, "".join(kept))


def _fixed(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a recipe that a resumed run must keep.

    Without the learning rate, which may be lowered after weights were not finite, and without
    settings that do not influence the weights.
    """
    kept = {key: recipe[key] for key in recipe if key not in ("out", "workers", "decoded")}
    if isinstance(kept.get("training"), dict):
        kept["training"] = {key: kept["training"][key] for key in kept["training"] if key != "rate"}
    return kept


def recipe_hash(recipe: dict[str, Any]) -> str:
    """Return the SHA-256 of a recipe without its output folder."""
    kept = {key: value for key, value in recipe.items() if key != "out"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def surroundings() -> dict[str, str]:
    """Return the versions of the packages, the commit and the hardware, by name."""
    found = {"selfvid": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    commit = _commit()
    if commit:
        found["commit"] = commit
    found["hardware"] = hardware()
    return found


def hardware() -> str:
    """Return a description of the GPUs, or of the processor and its cores."""
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    return f"{os.cpu_count()} cores, {_processor()}"


def warm_start(encoder: Encoder, folder: str | Path) -> None:
    """Initialise `encoder` with the weights of the encoder in `folder`, as far as they fit.

    Weights fit if name and shape agree. If one of the two encoders contains an encoder of the
    other's class, as a `SlidingEncoder` contains the encoder that it slides, the inner encoder
    takes part instead. The videos that the earlier encoder was trained on count as training
    videos of `encoder` too.

    Args:
        encoder: the encoder to initialise.
        folder: a run's folder, or an encoder's folder.

    Raises:
        InputError: If less than half of the encoder's weights can be filled, or if they would read
            other values than they were trained on.
    """
    earlier = load_encoder(folder)
    source, place = within(earlier, type(encoder)), within(encoder, type(earlier))
    check_same_input(source, place, called=f"the encoder in {str(folder)!r}")
    theirs, ours = source.state_dict(), place.state_dict()
    matched = {k: v for k, v in theirs.items() if k in ours and ours[k].shape == v.shape}
    share = sum(ours[k].numel() for k in matched) / max(1, sum(v.numel() for v in ours.values()))
    fit = f"{len(matched)} of {len(ours)} tensors ({share:.0%} of the weights)"
    if share < LEAST_MATCH:
        raise InputError(
            f"only {fit} of the encoder in {str(folder)!r} fit this one; "
            f"expected at least {LEAST_MATCH:.0%}"
        )
    place.load_state_dict({**ours, **matched})
    past = earlier.provenance
    encoder.provenance = dataclasses.replace(
        encoder.provenance, footage=past.footage, labelled=past.labelled
    )
    logger.info("warm start: %s, %d left over", fit, len(theirs) - len(matched))


def check_same_input(earlier: nn.Module, later: nn.Module, *, called: str) -> None:
    """Check that what weights read is scaled as when they were trained.

    Inputs at the same place of both networks must be the same, unless they differ in channels,
    which the weights behind them cannot be taken for; and percepts must be squashed alike.

    Args:
        earlier: the network that was trained.
        later: the network that takes its weights.
        called: the earlier network in the message.

    Raises:
        InputError: If something differs.
    """
    now = dict(later.named_modules())
    for name, before in earlier.named_modules():
        one = other = ""
        after = now.get(name)
        if isinstance(before, Percepts) and isinstance(after, Percepts):
            one, other = (f"percepts squashed by {each.squash}" for each in (before, after))
        elif isinstance(before, Input) and isinstance(after, Input) and not _alike(before, after):
            one, other = (_in_words(describe(each)) for each in (before, after))
        if one != other:
            raise InputError(
                f"{called} was trained on {one}, and this one reads {other}; expected the same, or "
                "no encoder to take the network as it is"
            )


def _alike(before: Input, after: Input) -> bool:
    """Whether two inputs give the same values, or so many channels that no weights fit both.

    A setting may be written in two ways, such as a mean that is the default, so it is tried.
    """
    if before.channels != after.channels or describe(before) == describe(after):
        return True
    if (before.in_channels, before.window) != (after.in_channels, after.window):
        return False
    shape = (1, before.window + 1, before.in_channels, 32, 32)
    clip = 255 * torch.arange(math.prod(shape)).sin().abs().view(shape)  # values of all sizes
    with torch.no_grad():
        return torch.allclose(before(clip), after(clip), rtol=1e-3, atol=1e-4)


def _in_words(described: Any) -> str:
    """Return the description of an object as one would write its construction."""
    if not isinstance(described, dict):
        return str(described)
    arguments = (f"{name}={_in_words(value)}" for name, value in described["init_args"].items())
    return f"{described['class_path'].rpartition('.')[2]}({', '.join(arguments)})"


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.is_file():
        for line in described.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Return the commit of the checkout that this package runs from; empty if it is installed."""
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():
        return ""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def within(encoder: Encoder, kind: type[Encoder]) -> Encoder:
    """Return the only encoder of class `kind` inside `encoder`, or else `encoder` itself."""
    inside = [module for module in encoder.modules() if type(module) is kind]
    return inside[0] if type(encoder) is not kind and len(inside) == 1 else encoder
