from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from selfvid.data.flow import work as flow_work
from selfvid.data.flow.folder import read_flow_video
from selfvid.data.flow.work import FlowFault, VideoFlow, compute_flow_of
from selfvid.data.video.decode import open_video
from selfvid.data.video.encode import write_video
from selfvid.flow.estimate import DIS, FlowEstimator
from selfvid.flow.quantise import Direction, dequantise, quantise
from tests.data.footage import numbered_video, numbers, spoil
from tests.flow.textures import drifting


class Levels(FlowEstimator):
    """Difference in grey level as x, number of frames that were shown at once as y."""

    name = "levels"

    def __init__(self, context: int = 0) -> None:
        self.context = context

    def _forward(self, frames: Tensor) -> Tensor:
        means = frames.float().mean(dim=(1, 2, 3))
        flow = torch.zeros(len(frames) - 1, 2, *frames.shape[-2:])
        flow[:, 0] = means.diff()[:, None, None]
        flow[:, 1] = len(frames)
        return flow


def _fields(path: Path, made: VideoFlow) -> Tensor:
    return dequantise(read_flow_video(path, range(made.frames - 1)), bound=made.bound)


def test_each_field_belongs_to_the_frame_of_its_number_and_the_next(tmp_path: Path) -> None:
    video = numbered_video(tmp_path / "a.mp4", frames=30)
    made = compute_flow_of(video, {"forward": tmp_path / "f.mkv"}, estimator=Levels(), bound=12.7)
    assert (made.frames, made.height, made.width, made.bound) == (30, 32, 64, 12.7)
    with open_video(video) as reader:
        levels = reader.read(range(30)).astype(float).mean(axis=(1, 2, 3))
    found = _fields(tmp_path / "f.mkv", made)[:, 0].mean(dim=(1, 2))
    assert found.tolist() == pytest.approx((levels[1:] - levels[:-1]).tolist(), abs=0.06)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_flow_is_what_the_estimator_gives_for_the_decoded_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direction: Direction
) -> None:
    monkeypatch.setattr(flow_work, "_FIELDS", 4)
    write_video(tmp_path / "a.mp4", drifting(11, x=2, y=1))
    made = compute_flow_of(
        tmp_path / "a.mp4", {direction: tmp_path / "f.mkv"}, estimator=DIS(), size=(40, 48)
    )
    with open_video(tmp_path / "a.mp4", size=(40, 48)) as reader:
        frames = torch.from_numpy(reader.read(range(11))).permute(0, 3, 1, 2)
    codes, share = quantise(DIS()(frames, direction=direction), bound=3.0)
    assert made.bound == 3
    assert (read_flow_video(tmp_path / "f.mkv", range(10)) == codes).all()
    assert made.clipped[direction] == pytest.approx(share)


def test_both_directions_come_from_one_pass(tmp_path: Path) -> None:
    video = numbered_video(tmp_path / "a.mp4", frames=5)
    files: dict[Direction, Path] = {"forward": tmp_path / "f.mkv", "backward": tmp_path / "b.mkv"}
    made = compute_flow_of(video, files, estimator=Levels(), bound=12.7)
    ahead, behind = (_fields(path, made)[:, 0] for path in files.values())
    assert torch.allclose(ahead, -behind, atol=0.1)


@pytest.mark.parametrize("run", [1, 4, 7])
@pytest.mark.parametrize("context", [0, 2, 30])
def test_context_is_shown_and_its_fields_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: int, run: int
) -> None:
    monkeypatch.setattr(flow_work, "_FIELDS", run)
    video = numbered_video(tmp_path / "a.mp4", frames=20)
    made = compute_flow_of(
        video, {"forward": tmp_path / "f.mkv"}, estimator=Levels(context), bound=31.75
    )
    found = _fields(tmp_path / "f.mkv", made).mean(dim=(2, 3))
    assert found[:, 0].tolist() == pytest.approx([6] * 19, abs=1.3)
    shown = []
    run = max(run, 2 * context)
    for start in range(0, 19, run):
        end = min(start + run, 19)
        shown += [min(end + 1 + context, 20) - max(start - context, 0)] * (end - start)
    assert found[:, 1].round().tolist() == shown


def test_a_sample_is_from_the_middle(tmp_path: Path) -> None:
    video = numbered_video(tmp_path / "a.mp4", frames=21)

    class First(Levels):
        def _forward(self, frames: Tensor) -> Tensor:
            seen.extend(numbers(frames))
            return super()._forward(frames)

    seen: list[int] = []
    made = compute_flow_of(video, {"forward": tmp_path / "f.mkv"}, estimator=First(), sample=4)
    assert made.frames == 5
    assert seen == [8, 9, 10, 11, 12]


def test_what_is_beyond_the_bound_is_counted_over_all_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_work, "_FIELDS", 4)
    video = numbered_video(tmp_path / "a.mp4", frames=11)
    made = compute_flow_of(video, {"forward": tmp_path / "f.mkv"}, estimator=Levels(), bound=4.5)
    # x is 6 everywhere; y is 5 in the first two runs and 3 in the last, of two fields.
    assert made.clipped["forward"] == pytest.approx((10 + 8) / 20)


class Broken(Levels):
    def _forward(self, frames: Tensor) -> Tensor:
        return super()._forward(frames) / 0.0


def test_faults_are_told_in_words(tmp_path: Path) -> None:
    files: dict[Direction, Path] = {"forward": tmp_path / "f.mkv"}
    video = numbered_video(tmp_path / "a.mp4", frames=4)
    with pytest.raises(FlowFault, match="4 frames but the manifest says 9; index it again"):
        compute_flow_of(video, files, estimator=Levels(), known_frames=9)
    with pytest.raises(FlowFault, match="frames are 8x8; expected at least 16 pixels"):
        compute_flow_of(video, files, estimator=DIS(), size=(8, 8))
    with pytest.raises(FlowFault, match="flow is not finite"):
        compute_flow_of(video, files, estimator=Broken())
    with pytest.raises(FlowFault, match="does not exist"):
        compute_flow_of(tmp_path / "none.mp4", files, estimator=Levels())
    single = numbered_video(tmp_path / "b.mp4", frames=1)
    with pytest.raises(FlowFault, match="it has 1 frame; flow needs two"):
        compute_flow_of(single, files, estimator=Levels())
    spoil(video)
    with pytest.raises(FlowFault, match=r"unreadable \("):
        compute_flow_of(video, files, estimator=Levels())
