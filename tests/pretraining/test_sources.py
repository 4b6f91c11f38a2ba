from pathlib import Path

import torch

from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import RandomClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.pretraining.sources import GeneratedSource, VideoSource
from selfvid.training.batches import BatchStream
from tests.pretraining.runs import DIGITS

CPU = torch.device("cpu")


def test_processes_make_different_sequences_and_resume_where_they_stood() -> None:
    source = GeneratedSource(DIGITS)

    def frames(rank: int, done: int = 0) -> list[torch.Tensor]:
        stream = BatchStream(4, per_batch=4, total=3, seed=0)
        stream.share_out(rank, 2)
        stream.done = done
        return [batch.frames for batch in source.batches(stream, CPU)]

    first, second = frames(0), frames(1)
    assert [len(batch) for batch in first] == [2, 2, 2]
    drawn = [*first, *second]
    assert all(
        not torch.equal(one, other) for at, one in enumerate(drawn) for other in drawn[at + 1 :]
    )
    assert torch.equal(frames(1, done=2)[0], second[2])


def test_a_sample_is_several_clips_of_each_sequence() -> None:
    sample = GeneratedSource(DIGITS).sample()
    assert sample.frames.shape[1:] == (6, 3, 32, 32)
    assert len(set(sample.videos)) * 4 == len(sample)


def test_generated_clips_have_no_videos_and_name_their_generator() -> None:
    source = GeneratedSource(DIGITS)
    assert (source.frames, source.size, source.videos) == (6, (32, 32), ())
    assert source.maker.startswith("bouncing digits")
    assert source.maker.endswith("train glyphs of sklearn")


def test_a_source_of_videos_describes_its_clips(digits_manifest: Path) -> None:
    videos = Manifest.read(digits_manifest)
    rule = RandomClips(frames=2, stride=3, clips=2)
    source = VideoSource(ClipDataset(videos, rule, size=(16, 8)), workers=0)
    assert (source.frames, source.size, source.stride) == (2, (16, 8), 3)
    assert source.clips_per_video == 2
    assert source.videos == tuple(row.video for row in videos.rows)
    seconds = sum(row.frames / row.rate for row in videos.rows)
    assert abs(source.hours * 3600 - seconds) < 1e-3 * seconds


def test_a_sample_of_videos_is_four_clips_of_each_and_always_the_same(
    digits_manifest: Path,
) -> None:
    videos = Manifest.read(digits_manifest)
    source = VideoSource(ClipDataset(videos, RandomClips(frames=2), size=(8, 8)), workers=0)
    sample = source.sample()
    assert list(sample.videos) == [row.video for row in videos.rows for _ in range(4)]
    assert torch.equal(sample.frames, source.sample().frames)
