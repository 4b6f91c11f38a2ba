from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from selfvid.data.clips.sampling import EvenClips, Timeline, WholeVideo
from selfvid.data.flow.command import compute_flow
from selfvid.data.flow.folder import FlowFolder
from selfvid.data.indexing.command import index
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.encode import write_video
from selfvid.errors import InputError
from selfvid.probing.baselines.histograms.describe import (
    SIDE,
    Pairs,
    describe,
    describe_videos,
)
from selfvid.probing.baselines.histograms.tracks import TRACK_FRAMES

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def drifting(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """A pattern that drifts to the right, and one that drifts to the left."""
    folder = tmp_path_factory.mktemp("drifting")
    rough = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(rough, (96, 144), mode="bicubic").clamp(0, 1)[0]
    for name, step in (("a", 2), ("b", -2)):
        frames = torch.stack([smooth.roll(step * t, dims=2) for t in range(8)])
        write_video(folder / f"{name}.mp4", (frames * 255).byte())
    return index(folder, out=folder / "all.csv", workers=1, near_duplicates=False, quiet=True)


def test_every_kind_is_described_everywhere(drifting: Manifest) -> None:
    found = describe_videos(drifting, WholeVideo(frames=4), quiet=True)
    assert found.read.all()
    for video in found.videos:
        assert video is not None
        widths = {name: bag.vectors.shape[1] for name, bag in video.bags.items()}
        assert widths == {
            f"{kind} on {where}": width
            for where in ("grid", "corners")
            for kind, width in (("gradients", 32), ("motion", 32), ("colours", 9))
        }
        assert len(video.bags["colours on grid"].vectors) == 4 * 7 * 7
        assert video.whole.shape == (8 * 4 + 9,)
        for bag in video.bags.values():
            assert len(bag.places) == len(bag.vectors)
            assert (bag.places >= 0).all()
            assert (bag.places < 1).all()


def test_tracks_are_three_more_kinds_of_words(drifting: Manifest) -> None:
    plain = describe_videos(drifting, WholeVideo(frames=4), quiet=True).videos
    found = describe_videos(drifting, WholeVideo(frames=4), tracks=True, quiet=True).videos
    for before, video in zip(plain, found, strict=True):
        assert before is not None
        assert video is not None
        more = {name: bag for name, bag in video.bags.items() if name not in before.bags}
        assert {name: bag.vectors.shape[1] for name, bag in more.items()} == {
            "shapes of tracks": 2 * (TRACK_FRAMES - 1),
            "gradients along tracks": 32,
            "colours along tracks": 9,
        }
        assert len({len(bag.vectors) for bag in more.values()}) == 1
        assert len(more["shapes of tracks"].vectors) > 0


@pytest.mark.parametrize("stored", [False, True])
def test_motion_points_in_the_direction_of_drift(
    drifting: Manifest, stored: bool, tmp_path: Path
) -> None:
    flow = None
    if stored:
        compute_flow(drifting, out=tmp_path / "flow", workers=1, quiet=True)
        flow = FlowFolder(tmp_path / "flow")
    found = describe_videos(drifting, WholeVideo(frames=4), flow=flow, quiet=True)
    for row, video in zip(drifting.rows, found.videos, strict=True):
        assert video is not None
        mean = video.bags["motion on grid"].vectors.reshape(-1, 4, 8).mean(axis=(0, 1))
        assert mean.argmax() == (0 if "a." in row.path else 4)
        moved = 2 * SIDE / 144  # pixels of the picture that is described
        assert mean.max() ** 2 == pytest.approx(moved, rel=0.25)


def test_a_video_that_cannot_be_read_is_named(drifting: Manifest, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    rows = (drifting.rows[0], replace(drifting.rows[1], path=str(broken)))
    found = describe_videos(Manifest(rows, drifting.root), WholeVideo(frames=4), quiet=True)
    assert found.read.tolist() == [True, False]
    assert "broken.mp4" in found.faults[0]
    with pytest.raises(InputError, match="none of the 1 videos could be read"):
        describe_videos(Manifest(rows[1:], drifting.root), WholeVideo(frames=4), quiet=True)


def test_a_constant_picture_is_described_only_by_its_colour() -> None:
    frame = torch.full((3, SIDE, SIDE), 51, dtype=torch.uint8)
    found = describe([frame], [torch.zeros(2, SIDE, SIDE)])
    assert len(found.bags["gradients on corners"].vectors) == 0
    assert (found.bags["gradients on grid"].vectors == 0).all()
    assert found.bags["colours on grid"].vectors[0] == pytest.approx([0.2] * 3 + [0] * 6, abs=1e-3)
    expected = np.zeros(32)
    expected[0] = 1
    assert found.whole[:32].tolist() == expected.tolist()


def test_each_frame_of_the_rule_comes_with_the_one_behind_it() -> None:
    rule = WholeVideo(frames=4)
    timeline = Timeline(24, 10.0)
    (picked,) = rule.choose(timeline, RNG)
    pairs = Pairs(rule).choose(timeline, RNG)
    assert pairs.tolist() == [[frame, frame + 1] for frame in picked]


def test_the_last_frame_is_paired_with_the_one_before_it() -> None:
    pairs = Pairs(WholeVideo(frames=5)).choose(Timeline(5, 10.0), RNG)
    assert pairs.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]


def test_pairs_stay_within_the_segment() -> None:
    timeline = Timeline(100, 10.0, None, 2.0, 2.9)
    first, past = timeline.bounds
    pairs = Pairs(WholeVideo(frames=16)).choose(timeline, RNG)
    assert pairs.min() == first
    assert pairs.max() == past - 1


def test_a_picture_is_paired_with_itself() -> None:
    assert Pairs(WholeVideo(frames=3)).choose(Timeline(1, 1.0), RNG).tolist() == [[0, 0]]


def test_so_many_pairs_at_most_are_spread_over_all_clips() -> None:
    rule = EvenClips(frames=8, clips=10)
    pairs = Pairs(rule, most=6).choose(Timeline(200, 25.0), RNG)
    picked = np.unique(rule.choose(Timeline(200, 25.0), RNG))
    assert len(pairs) == 6
    assert set(pairs[:-1, 0]) <= set(picked)
    assert pairs[0, 0] == 0
    assert pairs[-1, 1] == 199


@pytest.mark.parametrize("frames", [10, 0])
def test_a_video_that_the_rule_skips_has_no_pairs(frames: int) -> None:
    rule = EvenClips(frames=16, short="skip")
    assert Pairs(rule).choose(Timeline(frames, 10.0), RNG).shape == (0, 2)
