from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.comparing.command import compare
from selfvid.data.indexing.command import index
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.encode import write_video
from selfvid.encoders.base import Provenance
from selfvid.encoders.frame import FrameEncoder
from selfvid.probing.baselines.histograms.describe import Described, describe_videos
from selfvid.probing.command import probe
from selfvid.results.scores import Scores

FAST: dict[str, Any] = {
    "folds": 3,
    "seeds": 1,
    "label_curve": (),
    "motion": False,
    "quiet": True,
}


@pytest.fixture(scope="module")
def drifts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patterns, each its own, that drift to the left in one class and to the right in the other."""
    folder = tmp_path_factory.mktemp("drifts")
    rng = torch.Generator().manual_seed(0)
    for n in range(20):
        rough = torch.rand(1, 3, 8, 12, generator=rng)
        smooth = torch.nn.functional.interpolate(rough, (48, 72), mode="bicubic").clamp(0, 1)[0]
        name, step = ("right", 2) if n % 2 else ("left", -2)
        frames = torch.stack([smooth.roll(step * t, dims=2) for t in range(6)])
        (folder / name).mkdir(exist_ok=True)
        write_video(folder / name / f"take{n // 2:02}.mp4", (frames * 255).byte())
    index(
        folder,
        out=folder / "drifts.csv",
        labels="folder",
        groups=r"take\d+",
        workers=1,
        near_duplicates=False,
        quiet=True,
    )
    return folder / "drifts.csv"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    made = FrameEncoder(SmallNet(channels=1, stages=(8, 16)))
    made.provenance = Provenance(size=(32, 48), frames=6)
    folder = tmp_path_factory.mktemp("encoders") / "mine"
    made.save(folder)
    return folder


def test_histograms_of_hand_made_words_are_one_more_baseline(
    encoder: Path, drifts: Path, tmp_path: Path
) -> None:
    found = probe(encoder, drifts, histograms=True, out=tmp_path / "a", **FAST)
    assert [row.name for row in found.rows] == [
        "encoder",
        "random weights",
        "metadata",
        "feature histograms",
        "chance (largest class)",
    ]
    row = found.row("feature histograms")
    assert row.accuracy.mean > 0.9  # its words tell motion to the left from motion to the right
    assert row.accuracy.low <= row.accuracy.mean <= row.accuracy.high
    assert len(row.chosen[0]) == 3
    assert any("what feature histograms" in said for said in found.verdicts)
    scores = Scores.read(tmp_path / "a" / "scores_histograms.csv")
    assert (scores.predicted == scores.labels).mean() == pytest.approx(row.accuracy.mean)
    told = json.loads((tmp_path / "a" / "result.json").read_text())["protocol"]
    assert told["histograms"]["flow"].startswith("estimated")
    assert "--histograms true" in told["command"]
    shown = compare(tmp_path / "a", tmp_path / "a" / "scores_histograms.csv", quiet=True)
    assert "scores_histograms.csv" in str(shown)

    probe(encoder, drifts, out=tmp_path / "a", **FAST)
    assert not (tmp_path / "a" / "scores_histograms.csv").exists()


def test_a_video_that_histograms_cannot_read_is_left_out_everywhere(
    encoder: Path, drifts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(videos: Manifest, *given: Any, **options: Any) -> Described:
        made = describe_videos(videos, *given, **options)
        return Described((*made.videos[:5], None, *made.videos[6:]), ("take: torn",))

    monkeypatch.setattr("selfvid.probing.plan.describe_videos", failing)
    found = probe(encoder, drifts, histograms=True, out=tmp_path, **FAST)
    assert found.protocol["data"]["tested"] == 19
    assert found.protocol["left_out"] == ("take: torn",)
    scores = Scores.read(tmp_path / "scores.csv")
    assert Manifest.read(drifts).rows[5].video not in scores.videos
