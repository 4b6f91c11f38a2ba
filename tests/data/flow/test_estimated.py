from __future__ import annotations

from pathlib import Path

import pytest
import torch

from selfvid.data.clips.sampling import EvenClips, RandomClips, WholeVideo
from selfvid.data.flow import work as flow_work
from selfvid.data.flow.clips import FlowClipDataset
from selfvid.data.flow.estimated import EstimatedFields, EstimatedFlowDataset
from selfvid.data.flow.folder import FlowFolder, read_flow_video
from selfvid.data.flow.work import compute_flow_of
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import open_video
from selfvid.errors import InputError
from selfvid.flow.estimate import DIS, Farneback
from selfvid.flow.quantise import Direction
from tests.data.flow.test_work import Levels
from tests.data.footage import numbered_video

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def few(digits_manifest: Path) -> Manifest:
    return Manifest.read(digits_manifest).usable.select(range(3))


@pytest.fixture(scope="module")
def folder(digits_flow: Path) -> FlowFolder:
    return FlowFolder(digits_flow)


@pytest.mark.parametrize("sampling", [WholeVideo(frames=4), EvenClips(frames=3, clips=2)])
def test_clips_are_those_of_a_folder_bit_by_bit(
    few: Manifest, folder: FlowFolder, sampling: WholeVideo | EvenClips
) -> None:
    stored = FlowClipDataset(few, sampling, flow=folder, ways="both")
    estimated = EstimatedFlowDataset(few, sampling, estimator=DIS(), ways="both", size=(32, 32))
    for row in range(len(few)):
        pairs = zip(stored[row].clips, estimated[row].clips, strict=True)
        for one, other in pairs:
            assert torch.equal(one.frames, other.frames)
            assert one.frames.is_contiguous() == other.frames.is_contiguous()
            assert (one.step, one.video) == (other.step, other.video)
            assert torch.equal(one.times, other.times)
    assert len(stored[0].clips) == (1 if isinstance(sampling, WholeVideo) else 2)


def test_another_estimator_gives_other_fields(few: Manifest, folder: FlowFolder) -> None:
    sampling = WholeVideo(frames=4)
    stored = FlowClipDataset(few, sampling, flow=folder)[0].clips[0]
    other = EstimatedFlowDataset(few, sampling, estimator=Farneback(), size=(32, 32))[0].clips[0]
    assert stored.frames.shape == other.frames.shape
    assert not torch.equal(stored.frames, other.frames)


@pytest.mark.parametrize("context", [0, 1, 3])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_single_fields_are_those_of_one_pass_along_the_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: int, direction: Direction
) -> None:
    monkeypatch.setattr(flow_work, "_FIELDS", 4)
    video = numbered_video(tmp_path / "a.mp4", frames=15)
    compute_flow_of(video, {direction: tmp_path / "f.mkv"}, estimator=Levels(context))
    stored = read_flow_video(tmp_path / "f.mkv", range(14))
    wanted = [13, 2, 3, 7, 2, 0]
    with open_video(video) as reader:
        found = EstimatedFields(reader, Levels(context)).read(wanted, direction=direction)
    # The second channel counts the frames that were shown at once: with context, the whole run.
    compared = slice(None) if context else slice(1)
    assert torch.equal(found.codes[:, compared], stored[wanted][:, compared])


def test_a_clip_may_not_be_longer_than_the_fields(few: Manifest) -> None:
    frames = few.rows[0].frames
    EstimatedFlowDataset(
        few, RandomClips(frames=frames - 1), estimator=DIS(), size=(32, 32)
    ).require_fitting()
    with pytest.raises(InputError, match="longer than every video"):
        EstimatedFlowDataset(
            few, RandomClips(frames=frames), estimator=DIS(), size=(32, 32)
        ).require_fitting()


def test_frames_that_are_too_small_for_the_estimator_are_refused(few: Manifest) -> None:
    with pytest.raises(InputError, match="size is 24x8; expected at least 16 pixels on each side"):
        EstimatedFlowDataset(few, WholeVideo(frames=2), estimator=DIS(), size=(24, 8))


def test_a_part_of_the_data_set_has_its_settings(few: Manifest) -> None:
    whole = EstimatedFlowDataset(
        few, WholeVideo(frames=4), estimator=DIS(), ways="both", size=(32, 32)
    )
    part = whole.cut_by(few.select([1]), WholeVideo(frames=4))
    assert torch.equal(part[0].clips[0].frames, whole[1].clips[0].frames)
