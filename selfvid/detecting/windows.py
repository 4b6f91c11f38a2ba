"""Windows of labelled clips along videos, which a detector is trained on."""

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
    """An untrimmed video to learn from.

    Attributes:
        name: for messages.
        features: vectors of its clips.
        labels: class of each clip (clips,), 0 for none; or 0 and 1 for each activity (clips, K).
    """

    name: str
    features: ClipFeatures
    labels: Tensor


@dataclass(frozen=True, eq=False)
class Window:
    """A window of every stream.

    Attributes:
        vectors: of the clips, float32 (B, S, D); zeros behind the end.
        labels: of the clips, (B, S) or (B, S, K); `NO_CLIP` behind the end.
        lengths: true number of clips, (B,).
        begins: where the state begins anew, bool (B,).
        videos: names of those that clips are of.
    """

    vectors: Tensor
    labels: Tensor
    lengths: Tensor
    begins: Tensor
    videos: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.lengths.sum())

    def to(self, device: torch.device) -> Window:
        """The same on another device."""
        names = ("vectors", "labels", "lengths", "begins")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


class WindowSource(BatchSource):
    """Reads the windows that a stream asks for.

    Args:
        videos: in the order that the stream counts them in.
        stream: which clips make up which window.
    """

    def __init__(self, videos: Sequence[LabelledVideo], stream: WindowStream) -> None:
        self.videos = videos
        self.stream = stream

    def batches(self, stream: BatchStream, device: torch.device) -> Iterator[Window]:
        """The windows from where `stream`, which is this one's, stands."""
        del device
        # Asked where it stands only now, behind a resumed run's checkpoint.
        for keys in stream:
            yield self.window(keys)

    def window(self, keys: Sequence[ClipKey]) -> Window:
        """The window of some streams."""
        first = self.videos[0]
        size = self.stream.plan.window
        vectors = torch.zeros(len(keys), size, first.features.width)
        labels = first.labels.new_full((len(keys), size, *first.labels.shape[1:]), NO_CLIP)
        lengths = torch.zeros(len(keys), dtype=torch.int64)
        names: dict[str, None] = {}
        for row, key in enumerate(keys):
            clips = self.stream.clips(key)
            found = clips[clips[:, 0] >= 0]
            lengths[row] = len(found)
            at = 0
            for number, run in groupby(found.tolist(), key=lambda pair: pair[0]):
                places = [clip for _, clip in run]
                video, part = self.videos[number], slice(at, at + len(places))
                vectors[row, part] = video.features.read(places[0], len(places))
                labels[row, part] = video.labels[places[0] : places[-1] + 1]
                names[video.name] = None
                at = part.stop
        begins = torch.tensor([self.stream.begins(key) for key in keys])
        return Window(vectors, labels, lengths, begins, tuple(names))
