"""Runs on two data sets at once."""

from pathlib import Path
from typing import Any

from selfvid.finetuning.result import FinetuneResult
from tests.finetuning.tuned import (
    PLAIN_SGD,
    tanh_encoder,
    tuned,
)


def trained(
    manifest: Path, out: Path, *, plan: dict[str, Any] | None = None, **more: Any
) -> FinetuneResult:
    whole = {**PLAIN_SGD, "clip_norm": None, **(plan or {})}
    return tuned(manifest, out, frames=2, plan=whole, **{"encoder": tanh_encoder(), **more})
