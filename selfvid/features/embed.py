"""`selfvid embed`: what an encoder makes of videos, as a table of vectors."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from selfvid.compute import Device, Precision, choose_device, loading_workers
from selfvid.data.clips.sampling import Short
from selfvid.data.indexing.command import index
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.decode import DecoderName
from selfvid.encoders.base import load_encoder
from selfvid.errors import InputError
from selfvid.features.choices import (
    check_eats_pixels,
    choose_sampling,
    choose_size,
)
from selfvid.features.extract import Cut, EncoderView, Pooling, encode
from selfvid.features.vector_files import Embedding, check_output, open_vector_file
from selfvid.features.videos import Read, read_clips
from selfvid.saving.whole import replacing


@dataclass(frozen=True)
class Embedded:
    """What came of it.

    Attributes:
        path: the file.
        videos: videos that were embedded.
        rows: rows in the file.
        features: D.
        faults: one line for each video that was not.
    """

    path: Path
    videos: int
    rows: int
    features: int
    faults: tuple[str, ...]

    def __str__(self) -> str:
        lines = [
            f"embedded   {self.videos} of {self.videos + len(self.faults)} videos, "
            f"{self.rows} rows of {self.features} features",
            *(f"left out   {fault}" for fault in self.faults),
            f"written    {self.path}",
        ]
        return "\n".join(lines)


def embed(
    encoder: Path,
    videos: Path,
    *,
    out: Path,
    per: Literal["video", "clip"] = "video",
    clips: int | Literal["whole", "dense"] = "whole",
    frames: int | None = None,
    stride: int | None = None,
    fps: float | None = None,
    hop: int | None = None,
    short: Short | None = None,
    size: int | tuple[int, int] | None = None,
    pool: Literal["mean", "segments"] = "mean",
    segments: int = 3,
    overwrite: bool = False,
    workers: int | None = None,
    device: Device = "auto",
    precision: Precision = "float32",
    decoder: DecoderName = "auto",
    allow: list[str] | None = None,
    quiet: bool = False,
) -> Embedded:
    """Write the vectors of videos to a file, whole or not at all.

    Rows have path, video (content id), start, end (seconds of the first and last frame seen),
    label where there is one, and the vector. A video that fails is named and left out.

    Args:
        encoder: a run's folder, or an encoder's.
        videos: a folder of videos, one video, or a manifest of `selfvid index`.
        out: a new file, .parquet (column vector), .npz (array vectors) or .csv (f0, f1, ...).
        per: "video" averages the clips of a video; "clip" writes each.
        clips: "whole" spreads one clip over the whole video; a number cuts so many evenly along
            it; "dense" cuts windows all along.
        frames: frames in a clip; by default as many as the encoder was trained on.
        stride: frames of the video from one frame of a clip to the next; by default as in
            training.
        fps: frames per second of a clip, in place of stride.
        hop: frames of the video from one dense window to the next; by default end to end.
        short: "repeat_last" or "loop" a video shorter than a clip, or "skip" it.
        size: height and width of frames, one number for both; by default as in training.
        pool: "mean" takes the clip vector; "segments" sets the means of parts side by side.
        segments: number of parts where pool is segments.
        overwrite: replace a file that exists.
        workers: processes that decode; 0 decodes in this one.
        device: where the encoder computes; "auto" takes a GPU where there is one.
        precision: of the encoder's arithmetic.
        decoder: who decodes.
        allow: prefixes of class paths, beside selfvid's, whose classes an encoder may be made of.
        quiet: print neither progress nor summary.

    Returns:
        What came of it; printed too.

    Raises:
        InputError: where an argument does not fit, or no video can be read.
    """
    out = Path(out)
    check_output(out, overwrite=overwrite)
    encoder_view = EncoderView(load_encoder(encoder, allow=allow or ()))
    check_eats_pixels(encoder_view.encoder)
    used_to = encoder_view.encoder.provenance
    sampling = choose_sampling(
        used_to, clips=clips, frames=frames, stride=stride, fps=fps, hop=hop, short=short
    )
    cut = Cut(sampling, choose_size(used_to, size), Pooling(pool, segments), decoder, precision)
    if per not in ("video", "clip"):
        raise InputError(f"per is {per!r}; expected video or clip")
    where, processes = choose_device(device), loading_workers(workers)
    encoder_view.encoder.to(where)
    manifest = _manifest(Path(videos), decoder, quiet=quiet)
    embedded = _write(
        encoder_view, manifest, cut, out, per=per, device=where, workers=processes, quiet=quiet
    )
    if not quiet:
        print(embedded)
    return embedded


def _write(
    encoder_view: EncoderView,
    manifest: Manifest,
    cut: Cut,
    out: Path,
    *,
    per: str,
    device: torch.device,
    workers: int,
    quiet: bool,
) -> Embedded:
    readable = manifest.select([row.status != "bad" for row in manifest.rows])
    faults = [f"{row.path}: {row.error}" for row in manifest.rows if row.status == "bad"]
    count = rows = features = 0
    reads = read_clips(readable, cut.sampling, size=cut.size, decoder=cut.decoder, workers=workers)
    bar = tqdm(total=len(readable), unit="video", desc="embed", disable=quiet)
    with (
        replacing(out) as draft,
        contextlib.closing(open_vector_file(draft, suffix=out.suffix)) as file,
        bar,
    ):
        for video in _videos(reads, encoder_view, cut, device):
            bar.update()
            if video.fault:
                faults.append(video.fault)
                continue
            row = readable.rows[video.row]
            found = _rows(video, row, str(readable.path_of(row)), per=per)
            file.add(found)
            count, rows, features = count + 1, rows + len(found), len(found[0].vector)
        if not count:
            raise InputError(f"no video could be read; the first: {faults[0]}")
        file.finish()
    return Embedded(out, count, rows, features, tuple(faults))


@dataclass(frozen=True, eq=False)
class _Video:
    """The vectors (N, D) of all clips of one video, and their first and last second (N, 2)."""

    row: int
    vectors: NDArray[np.float64]
    spans: NDArray[np.float64]
    fault: str


def _videos(
    reads: Iterator[Read], encoder_view: EncoderView, cut: Cut, device: torch.device
) -> Iterator[_Video]:
    """Parts of a video put together; a video of which one part failed has failed."""
    vectors: list[NDArray[np.float64]] = []
    spans: list[tuple[float, float]] = []
    fault = ""
    for read in reads:
        fault = fault or read.fault
        if read.clips and not fault:
            vectors.append(encode(encoder_view, read, cut, device=device))
            spans += [(float(clip.times[0]), float(clip.times[-1])) for clip in read.clips]
        if read.last:
            joined = np.concatenate(vectors) if vectors else np.zeros((0, 0))
            yield _Video(read.row, joined, np.array(spans).reshape(-1, 2), fault)
            vectors, spans, fault = [], [], ""


def _rows(video: _Video, row: Row, path: str, *, per: str) -> list[Embedding]:
    vectors, spans = video.vectors, video.spans
    if per == "video":
        vectors = vectors.mean(axis=0, keepdims=True)
        spans = np.array([[spans[:, 0].min(), spans[:, 1].max()]])
    return [
        Embedding(path, row.video, start, end, row.label, vector.astype(np.float32))
        for vector, (start, end) in zip(vectors, spans.tolist(), strict=True)
    ]


def _manifest(videos: Path, decoder: DecoderName, *, quiet: bool) -> Manifest:
    """The manifest at `videos`, or one made on the spot of a folder or a video."""
    if not videos.exists():
        raise InputError(f"videos {str(videos)!r} do not exist; expected a folder, video or table")
    if videos.is_file() and videos.suffix in (".csv", ".parquet"):
        return Manifest.read(videos)
    if not quiet:
        print(f"looking at {videos}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="selfvid-") as folder:
        try:
            return index(
                videos,
                out=Path(folder) / "videos.csv",
                decoder=decoder,
                near_duplicates=False,
                quiet=True,
            )
        except InputError as error:
            # The table that the message points to goes with the folder.
            raise InputError(str(error).partition("; the reasons are in")[0]) from None
