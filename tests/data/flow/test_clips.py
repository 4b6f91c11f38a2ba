from pathlib import Path

import pytest
import torch

from selfvid.data.clips.loader import clip_loader
from selfvid.data.clips.sampling import EvenClips, RandomClips
from selfvid.data.flow.clips import FlowClipDataset
from selfvid.data.flow.folder import FlowFolder
from selfvid.data.manifest.manifest import Manifest
from selfvid.errors import InputError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def flow(digits_flow: Path) -> FlowFolder:
    return FlowFolder(digits_flow)


@pytest.fixture(scope="module")
def videos(digits_manifest: Path) -> Manifest:
    return Manifest.read(digits_manifest).usable


def test_a_batch_holds_the_fields_of_its_videos(flow: FlowFolder, videos: Manifest) -> None:
    dataset = FlowClipDataset(videos, EvenClips(frames=3, clips=2), flow=flow, ways="both")
    batch = next(iter(clip_loader(dataset, batch_size=2)))
    assert batch.frames.shape == (4, 3, 4, 32, 32)
    clip = batch.clip()
    last = videos.rows[1].video
    for first, way in ((0, "forward"), (2, "backward")):
        stored = flow.read(last, [4, 5, 6], direction=way)  # type: ignore[arg-type]
        torch.testing.assert_close(clip[3, :, first : first + 2], stored.pixels())


def test_a_field_less_than_frames_is_there(flow: FlowFolder, videos: Manifest) -> None:
    frames = videos.rows[0].frames
    FlowClipDataset(videos, RandomClips(frames=frames - 1), flow=flow).require_fitting()
    with pytest.raises(InputError, match="longer than every video"):
        FlowClipDataset(videos, RandomClips(frames=frames), flow=flow).require_fitting()


def test_flow_of_another_size_is_refused(flow: FlowFolder, videos: Manifest) -> None:
    with pytest.raises(InputError, match="is 32x32; expected 64x64"):
        FlowClipDataset(videos, RandomClips(frames=3), flow=flow, size=(64, 64))
