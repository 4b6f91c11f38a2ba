import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from selfvid.backbones.inflated import Inflated
from selfvid.backbones.small import SmallNet
from selfvid.cli.commands import main
from selfvid.data.clips.crops import Crop
from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import EvenClips, RandomClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.base import Encoder, load_encoder
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.conv_lstm import ConvLSTMEncoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import PixelInput
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.encoders.vectors import FlatFrames
from selfvid.errors import InputError
from selfvid.finetuning.classifier import load_classifier
from selfvid.finetuning.result import FinetuneResult
from selfvid.heads.average import Average
from selfvid.heads.base import HeadFactory
from selfvid.heads.conv3d_lstm import Conv3dLSTM
from selfvid.heads.gru_rcn import GRURCN
from selfvid.heads.lrcn import LRCN
from selfvid.reports.page import report
from selfvid.results.scores import Scores
from selfvid.types import Widths
from tests.finetuning.tuned import tuned, weights
from tests.pretraining.power_cut import power_cut

PLAN = {"steps": 2, "batch": 4, "warmup": 0, "checkpoint_every": 1}
ENCODERS: dict[str, Callable[[], Encoder]] = {
    "frame": lambda: FrameEncoder(SmallNet(channels=1, stages=(8, 8))),
    "lstm": lambda: LSTMEncoder(FlatFrames((32, 32)), hidden=6),
    "conv lstm": lambda: ConvLSTMEncoder(
        SmallNet(channels=1, stages=(8,)), hidden=4, kernel=3, input=PixelInput("grey")
    ),
    "clip": lambda: ClipEncoder(Inflated(SmallNet(channels=1, stages=(8,)), frames=4)),
    "sliding": lambda: SlidingEncoder(
        ClipEncoder(Inflated(SmallNet(channels=1, stages=(8,)), frames=2)), maps=True
    ),
}
HEADS: dict[str, HeadFactory] = {
    "average": Average,
    "lrcn": partial(LRCN, hidden=5),
    "gru-rcn": partial(GRURCN, vector=False),
    "conv3d-lstm": partial(Conv3dLSTM, hidden=5),
}


def small(kind: str = "frame") -> Encoder:
    torch.manual_seed(0)
    return ENCODERS[kind]()


def small_run(
    manifest: Path, out: Path, *, plan: dict[str, Any] | None = None, **more: Any
) -> FinetuneResult:
    asked = {**PLAN, **(plan or {})}
    return tuned(manifest, out, frames=4, plan=asked, **{"encoder": small(), **more})


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_head_learns_on_every_encoder_that_has_what_it_reads(
    split_manifest: Path, tmp_path: Path, encoder: str, head: str
) -> None:
    if head == "gru-rcn" and encoder == "lstm":
        with pytest.raises(InputError, match="GRURCN reads feature maps"):
            small_run(split_manifest, tmp_path / "run", encoder=small(encoder), head=HEADS[head])
        return
    small_run(split_manifest, tmp_path / "run", encoder=small(encoder), head=HEADS[head])
    start = small(encoder).state_dict()
    after = load_encoder(tmp_path / "run").state_dict()
    assert any(not torch.equal(after[name], value) for name, value in start.items())


def test_scores_are_the_mean_over_views_of_each_test_video(
    split_manifest: Path, tmp_path: Path
) -> None:
    crop = Crop(24, tested="ten")
    result = small_run(split_manifest, tmp_path / "run", crop=crop)
    videos = Manifest.read(split_manifest).usable
    test = videos.select([row.split == "test" for row in videos.rows])
    scores = Scores.read(tmp_path / "run" / "scores.csv")
    assert scores.videos == tuple(row.video for row in test.rows)
    trained = load_classifier(tmp_path / "run")
    assert trained.classes == scores.classes
    clips = ClipDataset(test, EvenClips(frames=4, clips=2), size=(32, 32))[0].clips
    found = []
    for clip in clips:
        for view in crop.views(clip.frames[None]):
            with torch.no_grad():
                found.append(trained.classifier(view[None])[0].probabilities[0])
    by_hand = torch.stack(found).mean(0)
    assert len(found) == 2 * 10
    np.testing.assert_allclose(scores.probabilities[0], by_hand.numpy(), atol=1e-5)
    right = scores.predicted == scores.labels
    assert result.accuracy.mean == pytest.approx(right.mean())
    assert result.protocol["crops"] == 10


def test_a_frozen_encoder_stays_to_the_bit(split_manifest: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = FrameEncoder(SmallNet(channels=1, stages=(8, 8), norm="batch"))
    start = {name: value.clone() for name, value in encoder.state_dict().items()}
    small_run(split_manifest, tmp_path / "run", encoder=encoder, rates={"encoder": 0})
    for name, value in load_encoder(tmp_path / "run").state_dict().items():
        assert torch.equal(value, start[name]), name
    assert load_encoder(tmp_path / "run").provenance.footage == ()


def test_parts_learn_as_fast_as_they_are_told(split_manifest: Path, tmp_path: Path) -> None:
    plan = {
        "steps": 1, "optimiser": "sgd", "momentum": 0.0, "weight_decay": 0.0, "clip_norm": None,
        "staircase": (1.0, 1),
    }  # fmt: skip
    start = small().state_dict()

    def moved(name: str, **rates: float) -> dict[str, Tensor]:
        small_run(split_manifest, tmp_path / name, plan=plan, rates=rates)
        after = load_encoder(tmp_path / name).state_dict()
        return {key: after[key] - start[key] for key in start}

    full = moved("full")
    slow = moved("slow", **{"encoder": 0.5, "encoder.backbone.network.0": 0.1})
    for name, step in full.items():
        factor = 0.1 if name.startswith("backbone.network.0") else 0.5
        torch.testing.assert_close(slow[name], factor * step, rtol=1e-2, atol=1e-6)


def test_folds_test_every_video_once_and_begin_alike(
    unsplit_manifest: Path, tmp_path: Path
) -> None:
    result = small_run(unsplit_manifest, tmp_path / "run", folds=2)
    scores = Scores.read(tmp_path / "run" / "scores.csv")
    assert len(set(scores.videos)) == len(Manifest.read(unsplit_manifest).usable)
    parts = [Scores.read(tmp_path / "run" / "folds" / n / "scores.csv") for n in ("1", "2")]
    assert not set(parts[0].videos) & set(parts[1].videos)
    assert sum(len(part.videos) for part in parts) == len(scores.videos)
    assert result.confusion.sum() == len(scores.videos)


def test_a_run_stopped_in_the_middle_ends_as_one_never_stopped(
    split_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = {"steps": 4}
    whole = small_run(split_manifest, tmp_path / "whole", plan=plan, head=partial(LRCN, hidden=5))
    with power_cut(monkeypatch, before=2):
        small_run(split_manifest, tmp_path / "cut", plan=plan, head=partial(LRCN, hidden=5))
    again = small_run(
        split_manifest, tmp_path / "cut", plan=plan, head=partial(LRCN, hidden=5), resume=True
    )
    for name, value in weights(tmp_path / "whole").items():
        assert torch.equal(weights(tmp_path / "cut")[name], value), name
    assert again.accuracy == whole.accuracy


def test_training_scores_are_of_the_training_part(split_manifest: Path, tmp_path: Path) -> None:
    small_run(split_manifest, tmp_path / "run", score_training=True)
    videos = Manifest.read(split_manifest).usable
    scored = Scores.read(tmp_path / "run" / "scores_training.csv")
    assert set(scored.videos) == {row.video for row in videos.rows if row.split == "train"}


def test_an_encoder_is_taken_from_a_run_and_remembers_what_it_saw(
    split_manifest: Path, tmp_path: Path
) -> None:
    first = small_run(split_manifest, tmp_path / "first")
    second = small_run(
        split_manifest, tmp_path / "second", encoder=None, init=first.path, clips=None
    )
    assert second.footage["known"]
    assert second.footage["seen"] == 0
    assert "RandomClips(frames=4" in second.protocol["training_clips"]
    recipe = yaml.safe_load((tmp_path / "second" / "recipe.yaml").read_text())
    assert recipe["head"]["class_path"] == "selfvid.heads.average.Average"
    assert "classes" not in recipe["head"]["init_args"]


def test_the_recipe_of_a_run_makes_the_same_run(
    split_manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_run(split_manifest, tmp_path / "first", head=partial(LRCN, hidden=5))
    for before, after in (("first", "second"), ("second", "third")):
        recipe = tmp_path / before / "recipe.yaml"
        with pytest.raises(SystemExit) as left:
            main(["finetune", "--config", str(recipe), "--out", str(tmp_path / after)])
        assert left.value.code == 0
    assert "of 8 test videos named rightly" in capsys.readouterr().out
    second, third = weights(tmp_path / "second"), weights(tmp_path / "third")
    assert all(torch.equal(third[name], value) for name, value in second.items())
    results = [
        json.loads((tmp_path / name / "result.json").read_text()) for name in ("second", "third")
    ]
    assert results[0]["accuracy"] == results[1]["accuracy"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"encoder": None}, "neither encoder nor init is given"),
        ({"rates": {"backbone": 0.1}}, "rates name 'backbone', which the model has not"),
        ({"rates": {"encoder": -1}}, "rate of 'encoder' is -1; expected 0 or more"),
        ({"label": "colour"}, "colour"),
        ({"size": 2}, "do not fit the encoder"),
        ({"crop": Crop(48)}, r"size \[32, 32\] is smaller than the crop"),
        ({"clips": RandomClips(frames=4, clips=3)}, "batch 4 is no multiple of"),
        ({"folds": 3}, "the manifest has a split of its own"),
        ({"clips": RandomClips(frames=400)}, "longer than every video"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    split_manifest: Path, tmp_path: Path, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint) as raised:
        small_run(split_manifest, tmp_path / "run", **options)
    assert "\n" not in str(raised.value)


def test_a_run_that_is_there_is_not_overwritten(split_manifest: Path, tmp_path: Path) -> None:
    small_run(split_manifest, tmp_path / "run")
    with pytest.raises(InputError, match="exists; expected a new one"):
        small_run(split_manifest, tmp_path / "run")


def test_the_report_shows_the_test(split_manifest: Path, tmp_path: Path) -> None:
    small_run(split_manifest, tmp_path / "run")
    page = report(tmp_path / "run", quiet=True).read_text()
    assert "<h2>Test</h2>" in page
    assert "of 8 test videos named rightly" in page
    assert "Average on FrameEncoder, direction, one split" in page
    assert "not as" not in page


def test_gates_of_an_lrcn_are_drawn_for_the_report(split_manifest: Path, tmp_path: Path) -> None:
    small_run(split_manifest, tmp_path / "run", head=HEADS["lrcn"])
    drawn = sorted((tmp_path / "run" / "pictures").glob("gates_of_video_*.png"))
    assert len(drawn) == 3
    page = report(tmp_path / "run", quiet=True).read_text()
    assert "gates_of_video_3" in page


def test_a_loaded_encoder_is_trained_like_one_made_anew(
    split_manifest: Path, tmp_path: Path
) -> None:
    made = FrameEncoder(SmallNet(channels=1, stages=(8, 8), norm="batch"))
    made.save(tmp_path / "start")

    def head(widths: Widths, classes: int) -> Average:
        torch.manual_seed(0)  # loading an encoder draws weights too
        return Average(widths, classes)

    anew = small_run(split_manifest, tmp_path / "anew", encoder=made, head=head)
    start: dict[str, Any] = {"encoder": None, "init": tmp_path / "start"}
    loaded = small_run(split_manifest, tmp_path / "loaded", head=head, **start)
    first, second = weights(anew.path), weights(loaded.path)
    means = [name for name in first if name.endswith("running_mean")]
    assert means
    for name in means:
        assert not torch.equal(first[name], made.state_dict()[name.removeprefix("encoder.")])
        torch.testing.assert_close(first[name], second[name])
