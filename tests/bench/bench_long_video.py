"""Processor time of dense reading for a minute of video, of a short file and of a long one.

Run with ``python -m tests.bench.bench_long_video [--minutes 10 120]``. Clips of 16 frames, end to
end, are read from a file of each length, as `embed` and `probe` read them, in this process. Reading
costs the same for a minute of either file if a video is opened once and not once for each part.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from selfvid.data.clips.sampling import DenseClips
from selfvid.data.indexing.command import index
from selfvid.data.video.decode import DecoderName, decoder_versions
from selfvid.features.videos import read_clips
from tests.data.video.barcodes import HEIGHT, WIDTH, write_barcodes

FRAMES = 16
RATE = 25  # frames per second
DECODERS: tuple[DecoderName, ...] = ("decord", "pyav")


def seconds_per_minute(file: Path, decoder: DecoderName) -> float:
    """Return the processor time of reading one minute of a file."""
    manifest = index(file, out=file.with_suffix(".csv"), decoder=decoder, workers=1, quiet=True)
    began = time.process_time()
    reads = read_clips(
        manifest, DenseClips(FRAMES, hop=FRAMES), size=(HEIGHT, WIDTH), decoder=decoder, workers=0
    )
    clips = sum(len(read.clips) for read in reads)
    return (time.process_time() - began) / (clips * FRAMES / RATE / 60)


def compare(minutes: Sequence[float]) -> dict[str, list[float]]:
    """Return the time for each decoder and length; printed too."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, length in enumerate(minutes):
            frames = round(length * 60 * RATE)
            file = Path(folder) / f"{number}.mp4"
            files.append(write_barcodes(file, frames=frames, group=50))
        for decoder in DECODERS:
            if decoder not in decoder_versions():
                continue
            found[decoder] = [seconds_per_minute(file, decoder) for file in files]
            for length, cost in zip(minutes, found[decoder], strict=True):
                print(f"{decoder}: {cost:.3f} s for a minute of {length:g}", flush=True)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[10.0, 120.0])
    compare(parser.parse_args(arguments).minutes)


if __name__ == "__main__":
    main()
