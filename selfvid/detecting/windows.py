"""The windows of labelled clips that a detector is trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch
from torch import Tensor

from selfvid.data.clips.dataset import ClipKey
from selfvid.detecting.extract import ClipFeatures
from selfvid.detecting.streams import WindowStream
from selfvid.heads.detection import NO_CLIP
from selfvid.training.batches import BatchStream
from selfvid.training.sources import BatchSource


@dataclass(frozen=True, eq=False)
class LabelledVideo:
    """An untrimmed training video.

    Attributes:
        name: name of the video, for messages.
        features: vectors of its clips.
        labels: class of each clip (clips,), 0 for background; or 0 and 1 for each activity
            (clips, K).
    """

    name: str
    features: ClipFeatures
    labels: Tensor


@dataclass(frozen=True, eq=False)
class Window:
    """One window of each of B streams: S clips that follow one another, or fewer at the end.

    Attributes:
        vectors: vectors of the clips, float32 (B, S, D); zeros in padded places.
        labels: labels of the clips, (B, S) or (B, S, K); `NO_CLIP` in padded places.
        lengths: number of clips without padding, (B,).
        begins: whether the state starts from zero with this window, bool (B,).
        videos: names of the videos that the clips come from.
    """

    vectors: Tensor
    labels: Tensor
    lengths: Tensor
    begins: Tensor
    videos: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.lengths.sum())

    def to(self, device: torch.device) -> Window:
        """Return this window with its tensors on another device."""
        names = ("vectors", "labels", "lengths", "begins")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


class WindowSource(BatchSource):
    """Reads the windows that a stream names.

    Args:
        videos: the training videos, in the order in which the stream numbers them.
        stream: which clips make up which window.
    """

    def __init__(self, videos: Sequence[LabelledVideo], stream: WindowStream) -> None:
        self.videos = videos
        self.stream = stream

    def batches(self, stream: BatchStream, device: torch.device) -> Iterator[Window]:
        """Yield windows from the position of `stream`, which is the stream of this source, on.

        This is a generator, so the position is read when the first window is needed. By then a
        resumed run has restored it from its checkpoint.
        """
        del device
        for keys in stream:
            yield self.window(keys)

    def window(self, keys: Sequence[ClipKey]) -> Window:
        """Return the window that consists of these cells of the stream's table, one per row."""
        first = self.videos[0]
        size = self.stream.plan.window
        vectors = torch.zeros(len(keys), size, first.features.width)  # (B, S, D)
        labels = first.labels.new_full((len(keys), size, *first.labels.shape[1:]), NO_CLIP)
        lengths = torch.zeros(len(keys), dtype=torch.int64)
        names: dict[str, None] = {}
        for row, key in enumerate(keys):
            clips = self.stream.clips(key)  # (S, 2)
            present = clips[clips[:, 0] >= 0]
            lengths[row] = len(present)
            begin = 0
            # Clips of one video follow one another, so they are read at once.
            for number, run in groupby(present.tolist(), key=lambda pair: pair[0]):
                places = [clip for _, clip in run]
                video, part = self.videos[number], slice(begin, begin + len(places))
                vectors[row, part] = video.features.read(places[0], len(places))
                labels[row, part] = video.labels[places[0] : places[-1] + 1]
                names[video.name] = None
                begin = part.stop
        begins = torch.tensor([self.stream.begins(key) for key in keys])
        return Window(vectors, labels, lengths, begins, tuple(names))
