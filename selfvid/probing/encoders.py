"""Whom a probe is about: the encoder, as it was at the start, and with random weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from selfvid.encoders.base import Encoder, encoder_folder, load_encoder
from selfvid.errors import InputError
from selfvid.saving.recorded import build, describe

START = "encoder_at_start"
RECIPE = "recipe.yaml"


@dataclass(frozen=True, eq=False)
class ProbedEncoder:
    """An encoder and where it comes from.

    Attributes:
        folder: of the encoder itself.
        run: the run's folder, or None for an encoder that lies alone.
        encoder: as it is.
        at_start: as it was when pretraining began, or None where that was not kept.
        start: in words, what weights it began with.
    """

    folder: Path
    run: Path | None
    encoder: Encoder
    at_start: Encoder | None
    start: str

    @property
    def home(self) -> Path:
        """Where results go: into the run, or beside an encoder that lies alone."""
        folder = self.folder.absolute()
        return folder.with_name(f"{folder.name}-probe") if self.run is None else self.run / "probe"


def load_probed_encoder(path: str | Path, *, allow: Sequence[str] = ()) -> ProbedEncoder:
    """The encoder in `path`, an encoder's or a run's folder, and what lies beside it.

    Args:
        path: the folder.
        allow: prefixes of class paths, beside this package's, whose classes may be built.

    Raises:
        InputError: where there is no encoder.
    """
    folder = encoder_folder(path)
    beside = folder.absolute().parent
    run = beside if (beside / START).is_dir() or (beside / RECIPE).is_file() else None
    at_start = None
    if run is not None and (run / START).is_dir() and folder.absolute() != run / START:
        at_start = load_encoder(run / START, allow=allow)
    return ProbedEncoder(
        folder=folder,
        run=run,
        encoder=load_encoder(folder, allow=allow),
        at_start=at_start,
        start="unknown weights" if run is None else _start_words(run / RECIPE),
    )


def random_weights(encoder: Encoder, seed: int, *, allow: Sequence[str] = ()) -> Encoder:
    """The same network as `encoder` with weights freshly drawn; the global generator is left alone.

    Downloaded weights are not loaded again: an encoder from a folder is described without them.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = build(describe(encoder), allow=allow)
    if not isinstance(fresh, Encoder):
        raise InputError(f"{type(encoder).__name__} does not describe an encoder")
    return fresh.eval()


def _start_words(recipe: Path) -> str:
    """What weights pretraining began with, as the run's recipe tells."""
    try:
        plain = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return "unknown weights"
    taken = [f"{key} {value}" for key, value in _leaves(plain) if _is_warm(key, value)]
    return f"weights from {', '.join(taken)}" if taken else "random weights"


def _is_warm(key: str, value: Any) -> bool:
    return (key == "weights" and value not in (None, "random")) or (
        key == "init" and value is not None
    )


def _leaves(plain: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(plain, dict):
        for key, value in plain.items():
            if isinstance(value, (dict, list)):
                yield from _leaves(value)
            else:
                yield str(key), value
    elif isinstance(plain, list):
        for item in plain:
            yield from _leaves(item)
