import itertools
from collections import Counter
from collections.abc import Iterator

import pytest

from selfvid.errors import InputError
from selfvid.training.batches import BalancedStream, BatchStream, ResumableLoader


def test_processes_share_every_batch_without_gap_or_overlap() -> None:
    whole = BatchStream(10, per_batch=6, total=5, seed=3)
    parts = [BatchStream(10, per_batch=6, total=5, seed=3) for _ in range(3)]
    for rank, part in enumerate(parts):
        part.share_out(rank, 3)
    for number in range(5):
        joined = [key for part in parts for key in part.batch(number)]
        assert joined == whole.batch(number)


def test_every_epoch_shows_every_video_once() -> None:
    stream = BatchStream(10, per_batch=4, total=5, seed=0)
    keys = [key for batch in stream for key in batch]
    for epoch in (0, 1):
        shown = sorted(key.index for key in keys if key.epoch == epoch)
        assert shown == list(range(10))
    first = [key.index for key in keys if key.epoch == 0]
    second = [key.index for key in keys if key.epoch == 1]
    assert first != second


def test_a_stream_goes_on_behind_the_batches_that_are_done() -> None:
    whole = list(BatchStream(7, per_batch=3, total=6, seed=1))
    resumed = BatchStream(7, per_batch=3, total=6, seed=1)
    resumed.done = 4
    assert list(resumed) == whole[4:]
    assert len(resumed) == 6


def test_a_batch_that_cannot_be_shared_evenly_is_refused() -> None:
    with pytest.raises(InputError, match="5 videos in a batch cannot be shared by 2 processes"):
        BatchStream(7, per_batch=5, total=1, seed=0).share_out(0, 2)


def test_every_class_is_drawn_equally_often_however_many_videos_it_has() -> None:
    labels = [0] * 97 + [1] * 2 + [2]
    stream = BalancedStream(labels, per_batch=30, total=100, seed=1)
    drawn = Counter(labels[key.index] for batch in stream for key in batch)
    assert set(drawn) == {0, 1, 2}
    # 1000 of each are expected; four standard deviations of a binomial count.
    assert all(abs(count - 1000) < 4 * (3000 * 1 / 3 * 2 / 3) ** 0.5 for count in drawn.values())


def test_a_balanced_stream_resumes_and_gives_a_video_that_comes_again_a_new_clip() -> None:
    whole = list(BalancedStream([0, 0, 1], per_batch=4, total=6, seed=2))
    resumed = BalancedStream([0, 0, 1], per_batch=4, total=6, seed=2)
    resumed.done = 3
    assert list(resumed) == whole[3:]
    keys = [key for batch in whole for key in batch]
    assert len(set(keys)) == len(keys) > len({key.index for key in keys})


def test_another_seed_gives_another_order() -> None:
    first, second = (BatchStream(50, per_batch=50, total=1, seed=seed) for seed in (0, 1))
    assert first.batch(0) != second.batch(0)
    assert sorted(key.index for key in first.batch(0)) == list(range(50))


def test_a_loader_saves_the_finished_batches_and_not_those_that_were_fetched() -> None:
    stream = BatchStream(4, per_batch=2, total=9, seed=0)
    loader = ResumableLoader(stream, stream)
    for _ in itertools.islice(loader, 5):
        pass
    stream.done = 3  # training counts a batch when its loss is known
    assert loader.state_dict() == {"done": 3}
    other = BatchStream(4, per_batch=2, total=9, seed=0)
    resumed = ResumableLoader(other, other)
    resumed.load_state_dict(loader.state_dict())
    assert next(iter(resumed)) == stream.batch(3)
    assert len(resumed) == 9


def test_closing_a_loader_ends_the_batches_that_are_running() -> None:
    ended = []

    def batches() -> Iterator[list[int]]:
        try:
            while True:
                yield [0]
        finally:
            ended.append(True)

    loader = ResumableLoader(batches(), BatchStream(1, per_batch=1, total=1, seed=0))
    loader.close()  # nothing runs yet
    next(iter(loader))
    assert not ended
    loader.close()
    assert ended == [True]
