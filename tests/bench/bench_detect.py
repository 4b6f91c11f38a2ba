"""Speed and memory of `selfvid detect run` on a short file and on an hour of video.

Run as ``python -m tests.bench.bench_detect`` (``--quick`` joins three minutes instead of sixty).
The long file is the short one joined to itself without decoding. Each file is read in a process of
its own, on one thread; speed is per core: frames per second of processor time, over the rate at
which the video plays. Memory is the peak of the whole process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.video.encode import write_video
from selfvid.detecting.detector import Detector, load_detector
from selfvid.detecting.extract import StreamEncoder
from selfvid.detecting.run import detect_in
from selfvid.encoders.base import load_encoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.heads.detection import ActivityDetector
from selfvid.types import Widths

RATE, SIDE = 25.0, 112
STAGES = (16, 32, 64, 128)


def write_short(path: Path, *, seconds: int) -> None:
    """A bright square that wanders over a gradient, 240 x 320."""
    count = round(seconds * RATE)
    ground = torch.linspace(0, 120, 320).to(torch.uint8).expand(count, 3, 240, 320).clone()
    for frame in range(count):
        top, left = 2 * frame % 180, 3 * frame % 260
        ground[frame, :, top : top + 60, left : left + 60] = 220
    write_video(path, ground, rate=RATE)


def join(source: Path, target: Path, *, times: int) -> None:
    """`source` behind itself `times` over, its packets as they are."""
    with av.open(str(target), "w") as out:
        stream: Any = None
        for turn in range(times):
            with av.open(str(source)) as part:
                given: Any = part.streams.video[0]
                if stream is None:
                    stream = out.add_stream_from_template(given)
                length = round(given.frames / given.average_rate / given.time_base)
                for packet in part.demux(given):
                    if packet.pts is None or packet.dts is None:
                        continue
                    packet.pts += turn * length
                    packet.dts += turn * length
                    packet.stream = stream
                    out.mux(packet)


def write_run(folder: Path) -> None:
    """An encoder and a detector with random weights."""
    encoder = FrameEncoder(SmallNet(stages=STAGES))
    encoder.save(folder / "encoder")
    width = encoder.widths.clip
    Detector(
        head=ActivityDetector(Widths(clip=width, steps=width), 20),
        labels=tuple(f"activity {number}" for number in range(20)),
        assume="one_at_a_time",
        frames=16,
        size=(SIDE, SIDE),
        precision="auto",
        trained=(),
        tested=(),
    ).save(folder / "detector")


def measure(run: Path, video: Path) -> dict[str, float]:
    """Clips, seconds and the peak of memory in MiB, of this process."""
    torch.set_num_threads(1)
    detector = load_detector(run / "detector")
    stream_encoder = StreamEncoder(
        load_encoder(run), detector.frames, detector.size, torch.device("cpu")
    )
    wall, began = time.perf_counter(), time.process_time()
    seen = detect_in(stream_encoder, detector, video, quiet=True)
    return {
        "frames": len(seen.chances) * detector.frames,
        "video": float(seen.spans[-1, 1]),
        "processor": time.process_time() - began,
        "wall": time.perf_counter() - wall,
        "memory": peak_memory(),
    }


def peak_memory() -> float:
    """MiB; `getrusage` would count what the parent held when it started this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) / 1024


def measured_apart(run: Path, video: Path) -> dict[str, float]:
    """The same in a fresh process."""
    command = [sys.executable, "-m", "tests.bench.bench_detect", "--measure", str(run), str(video)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--measure", nargs=2, type=Path, metavar=("RUN", "VIDEO"))
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(*given.measure)))
        return
    minutes = 3 if given.quick else given.minutes
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_run(folder)
        short, long = folder / "short.mp4", folder / "long.mp4"
        write_short(short, seconds=60)
        join(short, long, times=minutes)
        for video in (short, long):
            found = measured_apart(folder, video)
            print(
                f"{found['video'] / 60:.1f} min: {found['frames'] / found['processor']:.0f} frames "
                f"per second of one core, {found['video'] / found['processor']:.1f} times real "
                f"time ({found['video'] / found['wall']:.1f} by the clock); peak "
                f"{found['memory']:.0f} MiB"
            )


if __name__ == "__main__":
    main()
