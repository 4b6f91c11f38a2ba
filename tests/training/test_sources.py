from typing import Any, cast

import torch

from selfvid.data.clips.dataset import ClipDataset, ClipKey, Loaded
from selfvid.training.batches import BatchStream
from selfvid.training.sources import LoadedClips
from selfvid.types import Clip

CPU = torch.device("cpu")


class Painted:
    """A data set without files: a clip's single pixel is its index, its time the epoch."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, key: ClipKey) -> Loaded:
        frames = torch.full((1, 3, 1, 1), key.index, dtype=torch.uint8)
        return Loaded([Clip(frames, torch.tensor([float(key.epoch)]), f"video {key.index}")])


def stream(**changed: Any) -> BatchStream:
    return BatchStream(5, **{"per_batch": 4, "total": 6, "seed": 3, **changed})


def test_the_clips_of_a_batch_are_those_of_its_keys() -> None:
    source = LoadedClips(cast(ClipDataset, Painted()), workers=0)
    batches = list(source.batches(stream(), CPU))
    assert len(batches) == 6
    for number, batch in enumerate(batches):
        keys = stream().batch(number)
        assert batch.frames.flatten(1).amax(1).tolist() == [key.index for key in keys]
        assert batch.times.flatten().tolist() == [key.epoch for key in keys]


def test_batches_begin_where_the_stream_stands() -> None:
    source, resumed = LoadedClips(cast(ClipDataset, Painted()), workers=0), stream()
    resumed.done = 4
    whole = [batch.videos for batch in source.batches(stream(), CPU)]
    assert [batch.videos for batch in source.batches(resumed, CPU)] == whole[4:]


def test_a_process_gets_its_part_of_every_batch() -> None:
    source, second = LoadedClips(cast(ClipDataset, Painted()), workers=0), stream()
    second.share_out(1, 2)
    whole = [batch.videos[2:] for batch in source.batches(stream(), CPU)]
    assert [batch.videos for batch in source.batches(second, CPU)] == whole
