"""The encoder that a probe evaluates, its state before pretraining, and with random weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from selfvid.encoders.base import Encoder, encoder_folder, load_encoder
from selfvid.encoders.mirrored import MirroredEncoder
from selfvid.errors import InputError
from selfvid.saving.plain_data import plain_yaml
from selfvid.saving.recorded import build, describe
from selfvid.training.run_folder import RunFolder


@dataclass(frozen=True, eq=False)
class ProbedEncoder:
    """The encoder that a probe evaluates, and where it comes from.

    Attributes:
        folder: folder of the encoder.
        run: folder of its run, or None if the encoder does not belong to a run.
        encoder: the encoder.
        at_start: the encoder when pretraining began, or None if it was not kept.
        start: which weights the encoder began with, in words.
    """

    folder: Path
    run: Path | None
    encoder: Encoder
    at_start: Encoder | None
    start: str

    @property
    def mirrored(self) -> bool:
        """Whether each clip is encoded with its mirror image."""
        return isinstance(self.encoder, MirroredEncoder)

    @property
    def home(self) -> Path:
        """Default folder of results: in the run, or beside an encoder without a run.

        A run may have other encoders beside the one that stands for it.
        """
        folder = self.folder.absolute()
        if self.run is not None:
            run = RunFolder(self.run)
            own = run.encoder.name
            if folder.name in (own, run.start_of(own).name):
                return run.path / "probe"
        return folder.with_name(f"{folder.name}-probe")


def load_members(
    folders: Sequence[Path], *, mirror: bool = False, allow: Sequence[str] = ()
) -> list[list[ProbedEncoder]]:
    """Load the encoders that are judged as one, for each fold if the folds have their own.

    Args:
        folders: folders of encoders or of runs. A run of several folds has an encoder in each of
            ``folds/1``, ``folds/2`` and so on; an encoder without folds belongs to all of them.
        mirror: encode each clip with its mirror image too.
        allow: prefixes of the class paths that may be built, besides this package's.

    Returns:
        The encoders of each fold; of one only, if they are judged in all folds.

    Raises:
        InputError: If there is no encoder, or if runs differ in the number of folds.
    """
    each = [RunFolder(folder).encoders for folder in folders]
    counts = [len(places) for places in each if len(places) > 1]
    if len(set(counts)) > 1:
        raise InputError(
            f"the runs have encoders of {', '.join(map(str, counts))} folds; expected as many in "
            "each"
        )
    folds = max(counts, default=1)
    loaded = [
        [load_probed_encoder(place, mirror=mirror, allow=allow) for place in places]
        * (folds // len(places))
        for places in each
    ]
    return [[encoders[fold] for encoders in loaded] for fold in range(folds)]


def load_probed_encoder(
    path: str | Path, *, mirror: bool = False, allow: Sequence[str] = ()
) -> ProbedEncoder:
    """Load an encoder, and from the same run the encoder at the start of pretraining.

    Args:
        path: folder of an encoder or of a run.
        mirror: whether each clip is encoded with its mirror image, see `MirroredEncoder`.
        allow: prefixes of the class paths that may be built, besides this package's.

    Raises:
        InputError: If there is no encoder.
    """
    folder = encoder_folder(path)
    around = RunFolder(folder.absolute().parent)
    start = around.start_of(folder.absolute().name)
    run = around.path if start.is_dir() or around.recipe.is_file() else None
    encoder = load_encoder(folder, allow=allow)
    at_start = load_encoder(start, allow=allow) if start.is_dir() else None
    if mirror:
        encoder = MirroredEncoder(encoder)
        at_start = None if at_start is None else MirroredEncoder(at_start)
    return ProbedEncoder(
        folder=folder,
        run=run,
        encoder=encoder,
        at_start=at_start,
        start="unknown weights" if run is None else _weights_at_start(around.recipe),
    )


def random_weights(encoder: Encoder, seed: int, *, allow: Sequence[str] = ()) -> Encoder:
    """Return the same network as `encoder` with newly drawn weights.

    PyTorch's global random generator is not changed. Downloaded weights are not loaded again,
    because the description of a saved encoder does not ask for them.

    Args:
        encoder: the network.
        seed: of the weights.
        allow: prefixes of the class paths that may be built, besides this package's.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = build(describe(encoder), allow=allow)
    if not isinstance(fresh, Encoder):
        raise InputError(
            f"{type(encoder).__name__} describes a {type(fresh).__name__}; expected an encoder"
        )
    return fresh.eval()


def _weights_at_start(recipe: Path) -> str:
    """Return which weights pretraining began with, from the run's recipe."""
    try:
        plain = plain_yaml(recipe.read_text(encoding="utf-8"), what="recipe")
    except (OSError, ValueError):
        return "unknown weights"
    loaded = [f"{key} {value}" for key, value in _leaves(plain) if _loads_weights(key, value)]
    return f"weights from {', '.join(loaded)}" if loaded else "random weights"


def _loads_weights(key: str, value: Any) -> bool:
    """Return whether a setting of a recipe loads weights that were trained before."""
    return (key == "weights" and value not in (None, "random")) or (
        key == "init" and value is not None
    )


def _leaves(plain: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and value of every setting in nested dictionaries and lists."""
    if isinstance(plain, dict):
        for key, value in plain.items():
            if isinstance(value, (dict, list)):
                yield from _leaves(value)
            else:
                yield str(key), value
    elif isinstance(plain, list):
        for item in plain:
            yield from _leaves(item)
