from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.clips.loader import ClipDataset, ClipKey, Loaded, clip_loader, collate
from selfvid.data.clips.sampling import EvenClips, RandomClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.pyav_reader import PyAVReader
from selfvid.errors import InputError
from selfvid.types import Clip, ClipBatch
from tests.data.footage import manifest_of

pytestmark = pytest.mark.slow

SIZE = (16, 24)


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return manifest_of(tmp_path_factory.mktemp("footage"), 20, 24, 28, 32)


def by_video(batches: list[ClipBatch]) -> dict[str, torch.Tensor]:
    return {
        video: frames
        for batch in batches
        for video, frames in zip(batch.videos, batch.frames, strict=True)
    }


def test_a_batch_without_clips_is_refused() -> None:
    with pytest.raises(InputError, match="a batch has no clips"):
        collate([Loaded([])])


def test_a_batch_has_the_clips_of_all_items_in_their_order() -> None:
    def clip(number: int) -> Clip:
        level = torch.full((1, 3, 2, 2), number, dtype=torch.uint8)
        return Clip(level, torch.zeros(1, dtype=torch.float64), f"video {number}", number)

    items = [Loaded([clip(0), clip(1)], ("a", "a")), Loaded([]), Loaded([clip(2)], ("b",))]
    batch = collate(items)
    assert batch.frames[:, 0, 0, 0, 0].tolist() == [0, 1, 2]
    assert batch.videos == ("video 0", "video 1", "video 2")
    assert batch.faults == ("a", "a", "b")
    assert batch.labels is not None
    assert batch.labels.tolist() == [0, 1, 2]


def test_without_batches_all_items_come_in_order(footage: Manifest) -> None:
    dataset = ClipDataset(footage, EvenClips(2), size=SIZE)
    videos = [batch.videos for batch in clip_loader(dataset, batch_size=3)]
    assert videos == [("video 0", "video 1", "video 2"), ("video 3",)]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"batch_size": 0}, "batch size is 0, workers 0, timeout 120.0; expected at least 1"),
        ({"workers": -1}, "workers -1"),
        ({"timeout": 0.0}, "timeout 0.0"),
    ],
)
def test_numbers_out_of_range_are_refused(
    footage: Manifest, option: dict[str, int], message: str
) -> None:
    dataset = ClipDataset(footage, EvenClips(2), size=SIZE)
    with pytest.raises(InputError, match=message):
        clip_loader(dataset, **option)  # type: ignore[arg-type]


def test_a_key_gives_the_same_clip_whoever_reads_it_and_when(footage: Manifest) -> None:
    dataset = ClipDataset(footage, RandomClips(4, clips=1), size=SIZE, seed=5)
    keys = [ClipKey(3, index) for index in range(4)]
    alone = by_video([collate([dataset[key]]) for key in reversed(keys)])
    batches = [keys[:3], keys[3:]]
    for workers in (0, 1, 2):
        loaded = by_video(list(clip_loader(dataset, batches=batches, workers=workers)))
        assert loaded.keys() == alone.keys()
        assert all(torch.equal(loaded[video], alone[video]) for video in alone)


def test_evaluation_replaces_nothing(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, 20, 20)
    (tmp_path / "1.mp4").unlink()
    strict = ClipDataset(manifest, EvenClips(4), size=SIZE, faults=FaultPolicy(share=0))
    assert strict[0].clips
    for workers in (0, 1):
        loader = clip_loader(strict, batch_size=1, workers=workers)
        with pytest.raises(InputError, match=r"1\.mp4: does not exist any more") as caught:
            list(loader)
        assert len(str(caught.value).splitlines()) == 1


def test_a_worker_that_hangs_is_given_up_and_its_file_named(
    footage: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = PyAVReader._frame

    def hanging(self: PyAVReader, index: int) -> np.ndarray:
        if Path(self.path).name == "2.mp4":
            time.sleep(600)
        return plain(self, index)

    monkeypatch.setattr(PyAVReader, "_frame", hanging)
    dataset = ClipDataset(footage, EvenClips(2), size=SIZE)
    loader = clip_loader(dataset, batch_size=1, workers=1, timeout=2.0)
    batches = iter(loader)
    assert next(batches).videos + next(batches).videos == ("video 0", "video 1")
    with pytest.raises(InputError, match=r"within 2 s; the workers were reading .*2\.mp4"):
        next(batches)


def test_a_reader_refuses_to_work_in_a_forked_process(footage: Manifest) -> None:
    reader = PyAVReader(str(footage.root / "0.mp4"))
    reader._process = os.getpid() + 1
    with pytest.raises(RuntimeError, match="opened in another process"):
        reader.read([0])
    reader.close()
