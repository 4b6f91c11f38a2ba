"""End-point error and speed of every flow estimator on Middlebury's RubberWhale.

Run with ``python -m tests.bench.flow_error [FOLDER] [--raft WEIGHTS] [--run RUN]``. The folder
holds frame10.png, frame11.png and flow10.flo; a run is one that learnt to predict flow, and is
shown frame 10 alone, for there are only two frames.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor

from selfvid.data.flow.learnt import LearntFlow
from selfvid.data.flow.middlebury import TrueFlow, read_flo
from selfvid.data.video.decode import open_video
from selfvid.errors import InputError
from selfvid.flow import end_point_error
from selfvid.flow.estimate import DIS, TVL1, Farneback, FlowEstimator, limited_threads
from selfvid.flow.quantise import default_bound, dequantise, quantise
from selfvid.flow.raft import RAFT

SHARED = Path(__file__).parents[2] / "../shared/data/flow_middlebury"


def read_pair(folder: Path) -> Tensor:
    """Both frames, uint8 (2, 3, H, W)."""
    with open_video(folder) as reader:
        return torch.from_numpy(reader.read(range(2))).permute(0, 3, 1, 2)


def error_of(estimator: FlowEstimator, frames: Tensor, truth: TrueFlow) -> tuple[float, float]:
    """End-point error in pixels, before and after storing in eight bits."""
    flow = estimator(frames)[0]
    bound = default_bound(flow.shape[-2], flow.shape[-1])
    stored = dequantise(quantise(flow, bound=bound)[0], bound=bound)
    plain, kept = (
        float(end_point_error(one, truth.flow, where=truth.known)) for one in (flow, stored)
    )
    return plain, kept


def milliseconds(estimator: FlowEstimator, frames: Tensor, *, rounds: int = 5) -> float:
    """The quickest of some rounds."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        estimator(frames)
        taken.append(time.perf_counter() - began)
    return 1e3 * min(taken)


def estimators(raft: str | None, run: str | None) -> dict[str, FlowEstimator | str]:
    """Every estimator by name, or why it is not here."""
    made: dict[str, FlowEstimator | str] = {
        f"dis {preset}": DIS(preset) for preset in ("ultrafast", "fast", "medium")
    }
    made["farneback"] = Farneback()
    try:
        made["tvl1"] = TVL1()
    except InputError as error:
        made["tvl1"] = str(error)
    for variant in ("small", "large"):
        try:
            made[f"raft {variant}"] = RAFT(variant=variant, weights=raft or "torchvision")
        except InputError as error:
            made[f"raft {variant}"] = str(error)
    if run is not None:
        made["learnt"] = LearntFlow(run)
    return made


def main() -> None:
    """Print one line per estimator."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--raft", help="state dict of RAFT; by default torchvision's weights")
    parser.add_argument("--run", help="a run that learnt to predict flow")
    chosen = parser.parse_args()
    frames, truth = read_pair(chosen.folder), read_flo(chosen.folder / "flow10.flo")
    still = end_point_error(torch.zeros_like(truth.flow), truth.flow, where=truth.known)
    print(f"{'no motion at all':16} {float(still):6.3f} px")
    for name, estimator in estimators(chosen.raft, chosen.run).items():
        if isinstance(estimator, str):
            print(f"{name:16} not here: {estimator}")
            continue
        with limited_threads(1):
            plain, stored = error_of(estimator, frames, truth)
            spent = milliseconds(estimator, frames)
        print(f"{name:16} {plain:6.3f} px, {stored:6.3f} as stored, {spent:7.1f} ms, one thread")


if __name__ == "__main__":
    main()
