"""`selfvid embed`: write the vectors that an encoder computes for videos to a file."""

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
from selfvid.encoders.mirrored import MirroredEncoder
from selfvid.errors import InputError
from selfvid.features.choices import choose_flow, choose_sampling, choose_size
from selfvid.features.extract import Cut, EncoderView, Pooling, encode
from selfvid.features.vector_files import Embedding, check_output, open_vector_file
from selfvid.features.videos import Read
from selfvid.flow.estimate import FlowEstimator
from selfvid.saving.whole import replacing


@dataclass(frozen=True)
class Embedded:
    """A summary of the vectors that were written.

    Attributes:
        path: the file.
        videos: number of videos that were embedded.
        rows: number of rows in the file.
        features: length D of a vector.
        faults: one line for each video that could not be read.
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
    encoder: Path | str,
    videos: Path | str,
    *,
    out: Path | str,
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
    mirror: bool = False,
    flow: FlowEstimator | Path | str | None = None,
    overwrite: bool = False,
    workers: int | None = None,
    device: Device = "auto",
    precision: Precision = "float32",
    decoder: DecoderName = "auto",
    allow: list[str] | None = None,
    quiet: bool = False,
) -> Embedded:
    """Compute the vectors of videos with an encoder and write them to a file.

    A row has the columns path, video (content id), start and end (times in seconds of the first
    and the last frame that the encoder was given), label if there is one, and the vector. A video
    that cannot be read is named and left out. The file is written completely or not at all.

    Args:
        encoder: folder of a run or of an encoder.
        videos: a folder of videos, one video, or a manifest of `selfvid index`.
        out: a new file: .parquet (column vector), .npz (array vectors) or .csv (columns f0, f1,
            ...).
        per: "video" averages the clips of a video; "clip" writes a row for each clip.
        clips: "whole" spreads the frames of one clip over the whole video; a number cuts that
            many clips, spread evenly over the video; "dense" cuts consecutive windows.
        frames: frames in a clip; by default as in training.
        stride: frames of the video from one frame of a clip to the next; by default as in
            training.
        fps: frames per second of a clip, instead of stride.
        hop: frames of the video from one dense window to the next; by default, windows are placed
            end to end.
        short: what happens to a video shorter than a clip: "repeat_last" repeats its last frame,
            "loop" starts it again, "skip" leaves it out.
        size: height and width of frames, one number for both; by default as in training.
        pool: "mean" takes the encoder's clip vector; "segments" concatenates the means of equal
            parts of the clip.
        segments: number of parts if pool is segments.
        mirror: encode each clip and its mirror image, and take the mean of both vectors.
        flow: for an encoder that takes optical flow: a folder that `selfvid flow` wrote, or an
            estimator ("dis", "farneback", "tvl1", "raft") that is applied to the frames.
        overwrite: replace the file if it exists.
        workers: number of decoding processes; 0 decodes in this process; by default one less
            than cores.
        device: device of the encoder; "auto" uses a GPU if there is one.
        precision: of the encoder's arithmetic.
        decoder: the decoder to use.
        allow: prefixes of the class paths that an encoder may be built of, besides selfvid's own.
        quiet: print neither progress nor summary.

    Returns:
        The summary; it is printed too.

    Raises:
        InputError: If an argument is invalid, or no video can be read.
    """
    out = Path(out)
    check_output(out, overwrite=overwrite)
    loaded = load_encoder(encoder, allow=allow or ())
    encoder_view = EncoderView(MirroredEncoder(loaded) if mirror else loaded)
    reading = choose_flow(encoder_view.encoder, flow)
    if flow is not None and reading is None:
        raise InputError(f"flow is {str(flow)!r} but the encoder takes pixels; expected no --flow")
    provenance = encoder_view.encoder.provenance
    sampling = choose_sampling(
        provenance, clips=clips, frames=frames, stride=stride, fps=fps, hop=hop, short=short
    )
    cut = Cut(
        sampling,
        choose_size(provenance, size),
        Pooling(pool, segments),
        decoder,
        precision,
        flow=reading,
    )
    if per not in ("video", "clip"):
        raise InputError(f"per is {per!r}; expected video or clip")
    target, processes = choose_device(device), loading_workers(workers)
    encoder_view.encoder.to(target)
    manifest = _manifest(Path(videos), decoder, quiet=quiet)
    if reading is not None:
        reading.check(_readable(manifest), size=cut.size)
    embedded = _write(
        encoder_view, manifest, cut, out, per=per, device=target, workers=processes, quiet=quiet
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
    """Compute and write the vectors of all readable videos of a manifest."""
    readable = _readable(manifest)
    faults = [f"{row.path}: {row.error}" for row in manifest.rows if row.status == "bad"]
    count = rows = features = 0
    reads = cut.read(readable, workers=workers)
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
            if not np.isfinite(video.vectors).all():
                faults.append(f"{row.path}: its vectors are not finite")
                continue
            found = _rows(video, row, str(readable.path_of(row)), per=per)
            file.add(found)
            count, rows, features = count + 1, rows + len(found), len(found[0].vector)
        if not count:
            raise InputError(f"no video gave a vector; the first: {faults[0]}")
        file.finish()
    return Embedded(out, count, rows, features, tuple(faults))


def _readable(manifest: Manifest) -> Manifest:
    return manifest.select([row.status != "bad" for row in manifest.rows])


@dataclass(frozen=True, eq=False)
class _Video:
    """The vectors of all clips of one video.

    Attributes:
        row: index of the video in the manifest.
        vectors: (N, D).
        spans: time of the first and the last frame of each clip in seconds, (N, 2).
        fault: one line that says why the video could not be read, or "".
    """

    row: int
    vectors: NDArray[np.float64]
    spans: NDArray[np.float64]
    fault: str


def _videos(
    reads: Iterator[Read], encoder_view: EncoderView, cut: Cut, device: torch.device
) -> Iterator[_Video]:
    """Yield the vectors of every video.

    The parts of a video are put together; a video fails as a whole if one of its parts fails.
    """
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
    """Return the rows of the file for one video: one, or one per clip."""
    vectors, spans = video.vectors, video.spans
    if per == "video":
        vectors = vectors.mean(axis=0, keepdims=True)  # (1, D)
        spans = np.array([[spans[:, 0].min(), spans[:, 1].max()]])
    return [
        Embedding(path, row.video, start, end, row.label, vector.astype(np.float32))
        for vector, (start, end) in zip(vectors, spans.tolist(), strict=True)
    ]


def _manifest(videos: Path, decoder: DecoderName, *, quiet: bool) -> Manifest:
    """Return the manifest at `videos`; a folder or a video is indexed first."""
    if not videos.exists():
        raise InputError(f"videos {str(videos)!r} do not exist; expected a folder, video or table")
    if videos.is_file() and videos.suffix in (".csv", ".parquet"):
        return Manifest.read(videos)
    if not quiet:
        print(f"indexing {videos}", file=sys.stderr)
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
            # The message points to a table in the temporary folder, which is deleted.
            raise InputError(str(error).partition("; the reasons are in")[0]) from None
