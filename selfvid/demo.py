"""`selfvid demo`: all steps on generated videos, from files to an evaluated, exported encoder."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.sampling import RandomClips
from selfvid.data.digits.files import write_footage
from selfvid.data.indexing.command import index
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput, Input
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

LABEL = "digit"  # what is shown
MOTION = "direction"  # how it moves, one of eight directions
OTHERS = ("temporal coherence", "differences")  # the runs beside the main one
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
        steps: optimiser steps of the main run; the others have a half and a quarter as many.
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
        raise InputError(f"steps is {steps}; expected 2 or more, half of them for the other runs")
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
    _log(5, "training without labels: VICReg on differences of frames, a quarter as long")
    torch.manual_seed(seed)
    differences = VICReg(_encoder(DifferenceInput("grey")), projection=256)
    third = _train(manifest, out / "differences", differences, max(1, steps // 4), seed)
    _log(6, "evaluating the encoders next to their baselines")
    moving = [_probed(run, manifest, MOTION) for run in (main, second, third)]
    others = [_probed(run, manifest, LABEL) for run in (second, third)]
    # Last, so that the run's own probe and the report are about the digit.
    probed = probe(main, manifest, label=LABEL, frames=8, motion=False, label_curve=(5, 20))
    _log(7, "exporting to ONNX and comparing with PyTorch")
    exported = export(main, format="onnx", quiet=True)
    _log(8, "writing the report")
    page = report(main, out=out / "report.html", quiet=True)
    seconds = time.perf_counter() - started
    result = _result(probed, others, moving, seconds=seconds)
    result["onnx_largest_difference"] = exported.parity.difference
    write_whole(out / "result.json", json.dumps(result, indent=2) + "\n")
    print(f"\n{result['words']}")
    print(f"{result['seconds']:.0f} s; all results are in {out}; open {page} first")
    return out / "result.json"


def _encoder(input: Input | None = None) -> FrameEncoder:
    return FrameEncoder(SmallNet(channels=1, stages=(32, 64, 128), norm="batch"), input=input)


def _train(manifest: Path, out: Path, objective: Objective, steps: int, seed: int) -> Path:
    training = Training(steps=steps, batch=64, rate=2e-3, warmup=steps // 10, preview_every=steps)
    return pretrain(
        manifest,
        out,
        objective=objective,
        clips=_clips(objective),
        size=32,
        split="train",
        training=training,
        seed=seed,
    )


def _clips(objective: Objective) -> RandomClips:
    """Return clips of two steps: two frames that are far apart, or two successive differences."""
    frames = objective.least_frames
    return RandomClips(frames=frames, stride=8 if frames == 2 else 4, clips=2)


def _probed(run: Path, manifest: Path, label: str) -> ProbeResult:
    """Return the probe of a run for one label; the features are kept for the next label."""
    return probe(
        run, manifest, label=label, frames=8, motion=False, label_curve=(), seeds=1, quiet=True
    )


def _result(
    probed: ProbeResult,
    others: Sequence[ProbeResult],
    moving: Sequence[ProbeResult],
    *,
    seconds: float,
) -> dict[str, Any]:
    """Return the figures, and sentences that say what pretraining has learned.

    Args:
        probed: the probe of the main run.
        others: the probes of the other runs.
        moving: the probes of all runs for the direction of motion.
        seconds: how long the demo took.
    """
    accuracies = {row.name: row.accuracy for row in probed.rows}
    accuracies |= {name: o.rows[0].accuracy for name, o in zip(OTHERS, others, strict=True)}
    directions = {
        name: each.rows[0].accuracy for name, each in zip(("encoder", *OTHERS), moving, strict=True)
    }
    directions |= {f"{OTHERS[1]}, random weights": moving[2].row("random weights").accuracy}
    encoder, random = accuracies["encoder"], accuracies["random weights"]
    helped = encoder.low > random.high
    verdict = "helped" if helped else "did not clearly help"
    return {
        "words": (
            f"Pretraining without labels {verdict}: a linear probe recognises the digit in "
            f"{_percent(encoder)} of unseen test videos; with random weights in "
            f"{_percent(random)}; after temporal coherence in "
            f"{_percent(accuracies[OTHERS[0]])}. This encoder sees what a frame shows, and not "
            f"how it moves: the direction is recognised in {_percent(directions['encoder'])}, by "
            f"an encoder of differences of frames in {_percent(directions[OTHERS[1]])}, and there "
            f"the digit in {_percent(accuracies[OTHERS[1]])}."
        ),
        "helped": helped,
        "label": LABEL,
        "test_videos": probed.protocol["data"]["tested"],
        "accuracy": {name: _plain(accuracy) for name, accuracy in accuracies.items()},
        "direction": {name: _plain(accuracy) for name, accuracy in directions.items()},
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
    logger.info("%d/8 %s", number, what)
