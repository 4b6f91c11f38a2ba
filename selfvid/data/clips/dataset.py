"""The data set of clips, which replaces videos that cannot be read, and two of them as one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, get_worker_info

from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.clips.frame_store import FrameStore
from selfvid.data.clips.sampling import Sampling, Timeline
from selfvid.data.manifest.decoding import decoding_of
from selfvid.data.manifest.identity import unchanged_path
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.video.decode import (
    DecodeError,
    DecoderName,
    VideoReader,
    open_video,
    preflight,
    resolve_decoder,
)
from selfvid.data.video.guard import Board
from selfvid.errors import InputError
from selfvid.types import Clip

_ATTEMPTS = 10  # videos tried for one item; if all fail, the videos are probably not there


@dataclass(frozen=True)
class ClipKey:
    """An item and its epoch; with the seed, they decide every random choice about the item."""

    epoch: int
    index: int


@dataclass(frozen=True)
class Loaded:
    """One item of the data set: the clips cut from one video.

    Attributes:
        clips: as many clips as the sampling chose; empty if an evaluation skips a short video.
        faults: one line for each clip that replaces one that could not be read; at most one each.
    """

    clips: list[Clip]
    faults: tuple[str, ...] = ()


class ClipDataset(Dataset[Loaded]):
    """Clips of the videos of a manifest; the same item of the same epoch is always the same clips.

    All clips of an item are cut from one opened video and fetched together, so that a frame
    that several of them share is decoded once. Random choices depend only on the seed, the
    epoch and the index. They do not depend on the number of workers or on their order, and a
    resumed run makes the same choices. A video that cannot be read is replaced by another one,
    which is chosen in the same way.

    Args:
        manifest: the rows to read; each row is one item.
        sampling: the rule that chooses the frames of the clips.
        size: (H, W) that frames are resized to while they are decoded.
        seed: seed of all random choices.
        decoder: the decoder to use; ``auto`` uses the one that the manifest notes for each file.
        label: column of the labels, or None for videos without labels.
        classes: names of all classes, if the manifest is a part of a larger one; labels are
            indices into them.
        faults: whether clips that cannot be read are replaced.
        decoded: folder that keeps decoded frames, so that each video is decoded once; None
            decodes the frames that are needed every time.

    Attributes:
        labels: class index of each row, int64 (N,), or None.
        keep_open: whether a video stays open until another one is read, so that a long video that
            is read in parts is opened, and its packets are read, only once.
        put_aside: paths of files that are never opened, because one killed its reader.

    Raises:
        InputError: If the manifest is empty, the size is not positive, a column or class is
            unknown, or short videos are skipped and a clip is longer than every video.
    """

    def __init__(
        self,
        manifest: Manifest,
        sampling: Sampling,
        *,
        size: tuple[int, int],
        seed: int = 0,
        decoder: DecoderName = "auto",
        label: str | None = None,
        classes: Sequence[str] | None = None,
        faults: FaultPolicy | None = None,
        decoded: Path | str | None = None,
    ) -> None:
        if not manifest.rows:
            raise InputError("manifest has no rows to read clips from; expected at least one")
        if len(size) != 2 or min(size) < 1:
            raise InputError(f"size is {size}; expected (height, width) in pixels")
        self.manifest = manifest
        self.sampling = sampling
        self.size = size
        self.seed = seed
        self.decoder = resolve_decoder(decoder)
        self.faults = faults or FaultPolicy()
        self.decoded = decoded
        self._store = None if decoded is None else FrameStore(decoded, size=size)
        if self._store is not None:
            self._store.check_room(manifest)
        self.board: Board | None = None
        self.keep_open = False
        self._kept: tuple[Row, VideoReader] | None = None
        self.put_aside: frozenset[str] = frozenset()
        self.labels = None if label is None else manifest.labels(label, classes=classes)
        self._stand_ins = self._rows_with_clips()
        self._working: set[str] = set()

    def cut_by(self, manifest: Manifest, sampling: Sampling) -> ClipDataset:
        """Return a data set with the same settings, for other rows and another sampling rule."""
        other = type(self)(manifest, sampling, **self._settings())
        other.put_aside = self.put_aside
        return other

    def _settings(self) -> dict[str, Any]:
        """Return the arguments of this data set besides rows, sampling rule and labels."""
        names = ("size", "seed", "decoder", "faults", "decoded")
        return {name: getattr(self, name) for name in names}

    def __len__(self) -> int:
        return len(self.manifest.rows)

    def __getitem__(self, key: ClipKey | int) -> Loaded:
        """Return the clips of one video.

        Args:
            key: epoch and index; an index alone means epoch 0.

        Raises:
            InputError: If a video cannot be read and must not be replaced, or if the videos that
                replace it cannot be read either.
            BrokenDecoderError: If the decoder itself does not work.
        """
        epoch, index = (key.epoch, key.index) if isinstance(key, ClipKey) else (0, key)
        faults: list[str] = []
        for attempt in range(_ATTEMPTS):
            rng = np.random.default_rng((self.seed, epoch, index, attempt))
            place = index if attempt == 0 else int(rng.choice(self._stand_ins))
            try:
                clips = self._read(place, rng)
            except DecodeError as error:
                self._blame_decoder_or(error, self.manifest.rows[place])
                faults.append(str(error))
                continue
            if clips or self.faults.strict:
                # One fault for each clip that was replaced, not one for each video that was tried.
                return Loaded(clips, tuple(faults * len(clips))[: len(clips)])
        cause = faults[0] if faults else "shorter than a clip"
        raise InputError(f"{_ATTEMPTS} videos in a row gave no clip; the first: {cause}")

    def require_fitting(self) -> None:
        """Refuse a clip that is longer than every video, because every clip would be padded.

        Nothing is refused if the manifest does not give the length of every video.

        Raises:
            InputError: If no video is as long as a clip.
        """
        rows = self.manifest.rows
        counted = [row for row in rows if row.frames]
        fits = (self.sampling.fits(self.timeline(row)) for row in counted)
        if len(counted) == len(rows) and not any(fits):
            longest = max(row.frames for row in rows)
            raise InputError(
                f"a clip of {self.sampling.length} frames with {self.sampling} is longer than "
                f"every video; expected one that fits the longest, of {longest} frames"
            )

    def require_whole(self) -> None:
        """Refuse videos that are shorter than a clip, unless they are skipped.

        Nothing is refused for a video whose length the manifest does not give.

        Raises:
            InputError: If clips of some video would repeat frames.
        """
        rows = [row for row in self.manifest.rows if row.frames and self._gives_clips(row)]
        short = [row for row in rows if not self.sampling.fits(self.timeline(row))]
        if short:
            raise InputError(
                f"{len(short)} of {len(self.manifest)} videos are shorter than a clip with "
                f"{self.sampling}, the first is {short[0].path!r} of {short[0].frames} frames, and "
                "the objective needs clips without repeated frames; expected short: skip"
            )

    def _rows_with_clips(self) -> np.ndarray:
        """Return the indices of the rows that, by the manifest, are long enough for a clip."""
        rows = self.manifest.rows
        enough = np.array([self._gives_clips(row) for row in rows])
        if not enough.any():
            longest = max(row.frames for row in rows)
            raise InputError(
                f"no video gives a clip of {self.sampling.length} frames with {self.sampling}; "
                f"the longest has {longest} frames"
            )
        return np.flatnonzero(enough)

    def _gives_clips(self, row: Row) -> bool:
        if not row.frames:  # the length is not known before the video is opened
            return True
        return len(self.sampling.choose(self.timeline(row), np.random.default_rng(0))) > 0

    def timeline(self, row: Row) -> Timeline:
        """Return the timeline of a video as the manifest describes it."""
        return Timeline(row.frames, row.rate or 1.0, None, row.start, row.end)

    def _read(self, place: int, rng: np.random.Generator) -> list[Clip]:
        row = self.manifest.rows[place]
        with self._reader(row) as reader:
            timeline = Timeline(reader.frames, reader.rate, reader.times, row.start, row.end)
            first, past = timeline.bounds
            if first == past:
                cause = f"segment from {row.start} to {row.end} s has no frames"
                raise DecodeError(reader.path, cause)
            chosen = self.sampling.choose(timeline, rng)
            if not len(chosen):
                return []
            frames = torch.from_numpy(reader.read(chosen.ravel()))  # (clips * T, H, W, C)
        seconds = chosen / reader.rate if reader.times is None else reader.times[chosen]
        label = None if self.labels is None else int(self.labels[place])
        return [
            Clip(
                pictures.permute(0, 3, 1, 2),  # (T, C, H, W)
                torch.from_numpy(times),
                row.video,
                label,
                places=torch.from_numpy(places),
            )
            for pictures, times, places in zip(
                frames.unflatten(0, chosen.shape), seconds, chosen, strict=True
            )
        ]

    def close(self) -> None:
        """Close the video that `keep_open` has left open."""
        if self._kept is not None:
            self._kept[1].close()
            self._kept = None

    @contextlib.contextmanager
    def _reader(self, row: Row) -> Iterator[VideoReader]:
        """Open a row's video, or take the one that is open, and close it unless it is kept."""
        if self._kept is None or self._kept[0] is not row:
            self.close()
            self._kept = row, self._open(row)
        kept = False
        try:
            yield self._kept[1]
            kept = self.keep_open
        finally:
            if not kept:
                self.close()

    def _open(self, row: Row) -> VideoReader:
        if self.board is not None and (worker := get_worker_info()) is not None:
            self.board.write(worker.id, str(self.manifest.path_of(row)))
        path = unchanged_path(self.manifest, row)
        if str(path) in self.put_aside:
            raise DecodeError(str(path), "killed the process that read it, and is put aside")
        decoding = decoding_of(row, self.decoder)
        video = partial(open_video, path, size=self.size, **asdict(decoding))
        if self._store is None:
            return video()
        return self._store.open(
            row.video,
            decoder=decoding.decoder,
            otherwise=video,
            unchanged=partial(unchanged_path, self.manifest, row),
        )

    def _blame_decoder_or(self, error: DecodeError, row: Row) -> None:
        """Find out whether the decoder is broken or the file.

        The first time that a decoder fails, it is tried on a small clip that is written for this.
        """
        decoder = decoding_of(row, self.decoder).decoder
        if decoder not in self._working:
            preflight(decoder)
            self._working.add(decoder)
        if self.faults.strict:
            raise InputError(f"{error}; expected every video to be readable") from error


class SideBySide(Dataset[Loaded]):
    """Two data sets as one: the items of `first`, followed by the items of `second`.

    Args:
        first: items 0 to N - 1.
        second: the items from N on; item N + i is item i of this data set.
        classes: number of classes of `first` if both have labels; it is added to the labels of
            `second`, so that the classes of the two stay apart.
    """

    def __init__(self, first: ClipDataset, second: ClipDataset, *, classes: int = 0) -> None:
        self.first, self.second, self.classes = first, second, classes

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def __getitem__(self, key: ClipKey | int) -> Loaded:
        """Return the clips of one video, as the data set that it belongs to returns them."""
        key = key if isinstance(key, ClipKey) else ClipKey(0, key)
        if key.index < len(self.first):
            return self.first[key]
        loaded = self.second[replace(key, index=key.index - len(self.first))]
        return replace(loaded, clips=[self._relabelled(clip) for clip in loaded.clips])

    def _relabelled(self, clip: Clip) -> Clip:
        return clip if clip.label is None else replace(clip, label=clip.label + self.classes)

    @property
    def board(self) -> Board | None:
        """The board on which workers write the file that they are reading."""
        return self.first.board

    @board.setter
    def board(self, board: Board | None) -> None:
        self.first.board = self.second.board = board

    @property
    def put_aside(self) -> frozenset[str]:
        """Paths of files that are never opened."""
        return self.first.put_aside

    @put_aside.setter
    def put_aside(self, paths: frozenset[str]) -> None:
        self.first.put_aside = self.second.put_aside = paths
