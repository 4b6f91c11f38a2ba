from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.sampling import WholeVideo
from selfvid.data.flow.origin import FlowReading
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.encoders.base import fingerprint
from selfvid.encoders.flow_input import FlowImage
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.features.extract import Cut, EncoderView, extract
from selfvid.flow.estimate import DIS, FlowEstimator
from selfvid.probing.baselines.base import Baseline
from selfvid.probing.baselines.metadata import Metadata
from selfvid.probing.features import (
    Extraction,
    Gathered,
    ProbeFeatures,
    baseline_features,
    gather,
)

CPU = torch.device("cpu")


@pytest.fixture
def videos(digits_manifest: Path) -> Manifest:
    return Manifest.read(digits_manifest).select(range(5))


@pytest.fixture
def encoder() -> FrameEncoder:
    torch.manual_seed(0)
    return FrameEncoder(SmallNet(channels=1, stages=(8, 16))).eval()


def test_kept_features_are_used_again_only_for_the_same_settings(
    videos: Manifest, encoder: FrameEncoder, tmp_path: Path
) -> None:
    cut = Cut(WholeVideo(frames=2), (16, 16))
    how = Extraction(tmp_path, fresh=False, device=CPU, workers=0, quiet=True)
    encoder_views = {
        "encoder": (EncoderView(encoder),),
        "frozen": (EncoderView(encoder, "frozen"),),
    }
    first = gather(encoder_views, videos, cut, how)
    again = gather(encoder_views, videos, cut, how)
    assert (first.reused, again.reused) == (0, 2)
    assert (first.variants["encoder"][0] == again.variants["encoder"][0]).all()
    assert not (first.variants["encoder"][0] == first.variants["frozen"][0]).all()
    larger = dataclasses.replace(cut, size=(24, 24))
    assert gather(encoder_views, videos, larger, how).reused == 0
    assert gather(encoder_views, videos.select([1, 0, 2, 3, 4]), cut, how).reused == 0
    assert gather(encoder_views, videos, cut, dataclasses.replace(how, fresh=True)).reused == 0


def test_kept_features_of_flow_are_used_again_only_for_the_same_flow(
    videos: Manifest, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    encoder = FrameEncoder(SmallNet(channels=3, stages=(8,)), input=FlowImage()).eval()
    how = Extraction(tmp_path, fresh=False, device=CPU, workers=0, quiet=True)

    def reused(estimator: FlowEstimator) -> int:
        cut = Cut(WholeVideo(frames=2), (16, 16), flow=FlowReading(estimator))
        return gather({"encoder": (EncoderView(encoder),)}, videos, cut, how).reused

    assert [reused(DIS()), reused(DIS()), reused(DIS("fast")), reused(DIS("fast"))] == [0, 1, 0, 1]


def test_a_changed_weight_or_buffer_changes_the_fingerprint(encoder: FrameEncoder) -> None:
    before = fingerprint(encoder)
    with torch.no_grad():
        next(encoder.parameters()).view(-1)[0] += 1e-6
    assert fingerprint(encoder) != before


def test_a_damaged_feature_file_is_read_as_none(
    videos: Manifest, encoder: FrameEncoder, tmp_path: Path
) -> None:
    cut = Cut(WholeVideo(frames=2), (16, 16))
    store = ProbeFeatures(tmp_path, videos, cut, device="cpu")
    encoder_view = EncoderView(encoder)
    path = store.write(
        encoder_view, extract({"it": encoder_view}, videos, cut, device=CPU, quiet=True)["it"]
    )
    assert store.read(encoder_view) is not None
    path.write_bytes(path.read_bytes()[:100])
    assert store.read(encoder_view) is None


def test_videos_that_another_reader_cannot_read_are_left_out_everywhere() -> None:
    features = np.arange(8.0).reshape(4, 2)
    read = np.array([True, False, True, True, False, True])
    gathered = Gathered({"it": (features, features + 50)}, read, ("b failed", "e failed"), 0)
    less = gathered.only(np.array([True, False, True, True]), ("c failed",))
    assert np.flatnonzero(less.read).tolist() == [0, 3, 5]
    assert less.faults == ("b failed", "e failed", "c failed")
    for before, after in zip(gathered.variants["it"], less.variants["it"], strict=True):
        assert after.tolist() == [before[0].tolist(), before[2].tolist(), before[3].tolist()]


class Wrong(Baseline):
    name = "wrong"

    def __init__(self, shape: tuple[int, ...], value: float) -> None:
        self._features = np.full(shape, value)

    def features(self, _: Manifest) -> np.ndarray:
        return self._features


@pytest.mark.parametrize(("shape", "value"), [((2,), 0), ((3, 1), 0), ((2, 1), np.nan)])
def test_a_baseline_gives_finite_features_of_every_video(
    shape: tuple[int, ...], value: float
) -> None:
    manifest = Manifest((Row(path="a.mp4", frames=7), Row(path="b.mp4", frames=9)), Path())
    with pytest.raises(InputError, match=r"baseline 'wrong' gives .*expected finite ones, \(2, D"):
        baseline_features([Wrong(shape, value)], manifest)
    found = baseline_features([Metadata()], manifest)
    assert found["metadata"][0][:, 1].tolist() == [7, 9]
