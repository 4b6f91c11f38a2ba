"""`selfvid demo`: all steps on generated videos, from files to an evaluated, exported encoder."""

from __future__ import annotations

import json
import logging
import math
import time
from pathlib import Path
from typing import Any

import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.sampling import RandomClips
from selfvid.data.digits.files import write_footage
from selfvid.data.indexing.command import index
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.export import export
from selfvid.objectives.base import Objective
from selfvid.objectives.temporal_coherence import TemporalCoherence
from selfvid.objectives.vicreg import VICReg
from selfvid.pretraining.command import pretrain
from selfvid.probing.command import probe
from selfvid.probing.result import ProbeResult
from selfvid.reports.page import report
from selfvid.saving.whole import write_whole
from selfvid.statistics.intervals import Interval
from selfvid.training.run_folder import hardware
from selfvid.training.schedule import Training

logger = logging.getLogger(__name__)

LABEL = "digit"
# L1 distance in the coherence loss, above the distance of about 10 that random weights give.
MARGIN = 32.0


def demo(
    out: Path | str = Path("demo"), *, steps: int = 400, videos: int = 800, seed: int = 0
) -> Path:
    """Write videos of moving digits, train on them without labels, and measure whether it helped.

    The digits are scikit-learn's, so nothing is downloaded. The digit images of the test videos
    are used neither in pretraining nor for training the probe.

    Args:
        out: folder for all results of the demo; it must not exist yet.
        steps: optimiser steps of the main run; the second run has half as many.
        videos: number of video files.
        seed: seed of the videos, the weights and the training.

    Returns:
        The path of ``result.json``, which contains the figures.

    Raises:
        InputError: If `out` exists, or there are fewer than two steps.
    """
    out = Path(out)
    if out.exists():
        raise InputError(f"out {str(out)!r} exists; expected a new one")
    if steps < 2:
        raise InputError(f"steps is {steps}; expected 2 or more, half of them for the second run")
    started = time.perf_counter()
    _log(1, "writing moving digits as video files")
    table = write_footage(out / "footage", videos=videos, frames=16, test_share=0.4, seed=seed)
    _log(2, "checking every video")
    manifest = out / "footage.csv"
    index(table, out=manifest, quiet=True)
    _log(3, "training without labels: VICReg on frames of one video")
    torch.manual_seed(seed)
    main = _train(manifest, out / "vicreg", VICReg(_encoder(), projection=256), steps, seed)
    _log(4, "training without labels: temporal coherence after Mobahi et al., half as long")
    torch.manual_seed(seed)
    coherence = TemporalCoherence(_encoder(), margin=MARGIN)
    second = _train(manifest, out / "coherence", coherence, steps // 2, seed)
    _log(5, "evaluating both encoders next to their baselines")
    probed = probe(main, manifest, label=LABEL, frames=8, motion=False, label_curve=(5, 20))
    other = probe(second, manifest, label=LABEL, frames=8, motion=False, label_curve=(), quiet=True)
    _log(6, "exporting to ONNX and comparing with PyTorch")
    exported = export(main, format="onnx", quiet=True)
    _log(7, "writing the report")
    page = report(main, out=out / "report.html", quiet=True)
    result = _result(probed, other, seconds=time.perf_counter() - started)
    result["onnx_largest_difference"] = exported.parity.difference
    write_whole(out / "result.json", json.dumps(result, indent=2) + "\n")
    print(f"\n{result['words']}")
    print(f"{result['seconds']:.0f} s; all results are in {out}; open {page} first")
    return out / "result.json"


def _encoder() -> FrameEncoder:
    return FrameEncoder(SmallNet(channels=1, stages=(32, 64, 128), norm="batch"))


def _train(manifest: Path, out: Path, objective: Objective, steps: int, seed: int) -> Path:
    training = Training(steps=steps, batch=64, rate=2e-3, warmup=steps // 10, preview_every=steps)
    return pretrain(
        manifest,
        out,
        objective=objective,
        clips=RandomClips(frames=2, stride=8, clips=2),
        size=32,
        split="train",
        training=training,
        seed=seed,
    )


def _result(probed: ProbeResult, other: ProbeResult, *, seconds: float) -> dict[str, Any]:
    """Return the figures, and a sentence that says whether pretraining helped.

    Args:
        probed: the probe of the main run.
        other: the probe of the second run.
        seconds: how long the demo took.
    """
    accuracies = {row.name: row.accuracy for row in probed.rows}
    accuracies["temporal coherence"] = other.rows[0].accuracy
    encoder, random = accuracies["encoder"], accuracies["random weights"]
    helped = encoder.low > random.high
    verdict = "helped" if helped else "did not clearly help"
    return {
        "words": (
            f"Pretraining without labels {verdict}: a linear probe recognises the digit in "
            f"{_percent(encoder)} of unseen test videos; with random weights in "
            f"{_percent(random)}; after temporal coherence in "
            f"{_percent(accuracies['temporal coherence'])}."
        ),
        "helped": helped,
        "label": LABEL,
        "test_videos": probed.protocol["data"]["tested"],
        "accuracy": {name: _plain(accuracy) for name, accuracy in accuracies.items()},
        "seconds": round(seconds, 1),
        "hardware": hardware(),
    }


def _plain(interval: Interval) -> dict[str, float | None]:
    """Return an interval for JSON; ends that are unknown, such as those of chance, are None."""
    return {
        name: None if math.isnan(value) else round(value, 4)
        for name, value in interval._asdict().items()
    }


def _percent(interval: Interval) -> str:
    """Return an interval of shares as text, such as "86 % [83, 89]"."""
    low, mean, high = (100 * value for value in interval)
    return f"{mean:.0f} % [{low:.0f}, {high:.0f}]"


def _log(number: int, what: str) -> None:
    """Log the beginning of a step."""
    logger.info("%d/7 %s", number, what)
