from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.loader import clip_loader
from selfvid.data.clips.sampling import EvenClips, RandomClips
from selfvid.data.flow.beside import ClipsWithFlow
from selfvid.data.flow.folder import FlowFolder
from selfvid.data.manifest.manifest import Manifest
from selfvid.errors import InputError
from selfvid.flow.estimate import DIS
from selfvid.flow.warp import warp

SIZE = (32, 32)


@pytest.fixture(scope="module")
def few(digits_manifest: Path) -> Manifest:
    return Manifest.read(digits_manifest).usable.select(range(3))


@pytest.fixture(scope="module")
def folder(digits_flow: Path) -> FlowFolder:
    return FlowFolder(digits_flow)


def test_neighbouring_frames_have_the_stored_field_between_them(
    few: Manifest, folder: FlowFolder
) -> None:
    rule = EvenClips(frames=3, clips=2)
    made = ClipsWithFlow(few, rule, flow=folder, size=SIZE)[1].clips
    plain = ClipDataset(few, rule, size=SIZE)[1].clips
    assert len(made) == 2
    for clip, without in zip(made, plain, strict=True):
        assert torch.equal(clip.frames, without.frames)
        assert clip.flow is not None
        assert clip.places is not None
        wanted = folder.read(clip.video, clip.places[:-1].tolist()).pixels()
        assert torch.equal(clip.flow, wanted)


def test_frames_that_are_apart_have_the_flow_along_the_paths_between_them(
    few: Manifest, folder: FlowFolder
) -> None:
    (clip,) = ClipsWithFlow(few, EvenClips(frames=2, stride=3), flow=folder, size=SIZE)[0].clips
    assert clip.flow is not None
    assert clip.places is not None
    first = int(clip.places[0])
    fields = folder.read(clip.video, range(first, first + 3)).pixels()  # (3, 2, H, W)
    moved = fields[:1].clone()  # each pixel of the first frame is followed from field to field
    for field in fields[1:]:
        moved = moved + warp(field[None], moved, padding="border")
    torch.testing.assert_close(clip.flow, moved)
    assert not torch.allclose(clip.flow[0], fields.sum(0))


def test_repeated_last_frames_do_not_move(few: Manifest, folder: FlowFolder) -> None:
    (clip,) = ClipsWithFlow(few, RandomClips(frames=12), flow=folder, size=SIZE)[0].clips
    assert clip.flow is not None
    assert clip.places is not None
    assert clip.places[-5:].tolist() == [7] * 5
    assert not clip.flow[-4:].any()
    assert clip.flow[:-4].flatten(1).any(1).all()


@pytest.mark.slow
@pytest.mark.parametrize("stride", [1, 3])
def test_an_estimator_sees_the_frames_of_the_clip(few: Manifest, stride: int) -> None:
    rule = EvenClips(frames=3, stride=stride)
    (clip,) = ClipsWithFlow(few, rule, flow=DIS(), size=SIZE)[0].clips
    assert clip.flow is not None
    torch.testing.assert_close(clip.flow, DIS()(clip.frames))


@pytest.mark.slow
def test_a_loading_process_hands_flow_over(few: Manifest) -> None:
    dataset = ClipsWithFlow(few, EvenClips(frames=3), flow=DIS(), size=SIZE)
    here, there = (
        next(iter(clip_loader(dataset, batch_size=3, workers=workers))) for workers in (0, 1)
    )
    assert here.flow is not None
    assert there.flow is not None
    assert here.flow.shape == (3, 2, 2, *SIZE)
    assert torch.equal(here.flow, there.flow)


def test_other_rows_are_cut_with_the_same_settings(few: Manifest, folder: FlowFolder) -> None:
    dataset = ClipsWithFlow(few, EvenClips(frames=3), flow=folder, size=SIZE, seed=4)
    other = dataset.cut_by(few.select([1]), EvenClips(frames=2))
    assert isinstance(other, ClipsWithFlow)
    assert (other.flow, other.size, other.seed, len(other)) == (folder, SIZE, 4, 1)


def test_flow_that_does_not_fit_is_refused(few: Manifest, folder: FlowFolder) -> None:
    rule = EvenClips(frames=3)
    with pytest.raises(InputError, match="is 32x32; expected 64x64"):
        ClipsWithFlow(few, rule, flow=folder, size=(64, 64))
    with pytest.raises(InputError, match="clips of 1 frame have no flow"):
        ClipsWithFlow(few, EvenClips(frames=1), flow=folder, size=SIZE)
    with pytest.raises(InputError, match="short is 'loop' and flow is from a folder"):
        ClipsWithFlow(few, EvenClips(frames=3, short="loop"), flow=folder, size=SIZE)
    with pytest.raises(InputError, match="size is 8x8; expected at least 16 pixels"):
        ClipsWithFlow(few, rule, flow=DIS(), size=(8, 8))
    strange = Manifest((replace(few.rows[0], path="x.mp4", video="other"),), Path())
    with pytest.raises(InputError, match=r"has no forward flow of video 'x\.mp4'"):
        ClipsWithFlow(strange, rule, flow=folder, size=SIZE)
