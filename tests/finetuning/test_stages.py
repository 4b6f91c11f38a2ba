import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfvid.backbones.inflated import Inflated
from selfvid.backbones.small import SmallNet
from selfvid.data.clips.crops import Crop
from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import EvenClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.base import Encoder, load_encoder
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.errors import InputError
from selfvid.finetuning.classifier import load_classifier
from selfvid.finetuning.result import FinetuneResult
from selfvid.finetuning.testing import ClipHits
from selfvid.heads.conv3d_lstm import Conv3dLSTM
from selfvid.results.scores import Scores
from tests.finetuning.tuned import tuned

PLAN = {"steps": 2, "batch": 4, "warmup": 0}


def on_clips() -> ClipEncoder:
    return ClipEncoder(Inflated(SmallNet(channels=1, stages=(8,)), frames=3))


def staged(manifest: Path, out: Path, encoder: Encoder | None, **more: Any) -> FinetuneResult:
    frames = 8 if isinstance(encoder, SlidingEncoder) else 3
    return tuned(manifest, out, frames=frames, plan=PLAN, encoder=encoder, **more)


def test_each_fold_goes_on_where_the_same_fold_ended(
    unsplit_manifest: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    staged(unsplit_manifest, first, on_clips(), folds=2)
    along = SlidingEncoder(on_clips(), stride=2)
    result = staged(
        unsplit_manifest,
        second,
        along,
        folds=2,
        head=Conv3dLSTM,
        init=first,
        rates={"encoder": 0},
    )
    weights = []
    for fold in ("1", "2"):
        before = load_encoder(first / "folds" / fold).state_dict()
        after = load_encoder(second / "folds" / fold).state_dict()
        assert {f"encoder.{name}" for name in before} == set(after)
        for name, value in before.items():
            assert torch.equal(after[f"encoder.{name}"], value), name
        weights.append(before)
    assert any(not torch.equal(one, weights[1][name]) for name, one in weights[0].items())
    # A fold's encoder has seen the test videos of the other, but none of its own.
    assert result.footage["seen"] == 0
    assert result.footage["known"]


def test_an_encoder_that_was_taught_the_test_videos_labels_makes_a_leak(
    unsplit_manifest: Path, tmp_path: Path
) -> None:
    staged(unsplit_manifest, tmp_path / "first", on_clips(), folds=2)
    # Alone, the encoder of one fold has learnt from what the other tests.
    init = tmp_path / "first" / "folds" / "1"
    result = staged(unsplit_manifest, tmp_path / "second", on_clips(), folds=2, init=init)
    taught = len(load_encoder(init).provenance.labelled)
    assert result.footage["taught"] == result.footage["seen"] == taught > 0
    assert f"leak: the encoder was taught the labels of {taught} of" in str(result)
    again = load_encoder(tmp_path / "second" / "folds" / "2").provenance
    assert set(again.labelled) > set(load_encoder(init).provenance.labelled)


def test_another_parting_of_the_videos_is_refused(unsplit_manifest: Path, tmp_path: Path) -> None:
    staged(unsplit_manifest, tmp_path / "first", on_clips(), folds=2)
    more: dict[str, Any] = {"init": tmp_path / "first", "rates": {"encoder": 0}}
    with pytest.raises(InputError, match=r"fold 1 of init .* was tested on other videos"):
        staged(unsplit_manifest, tmp_path / "three", on_clips(), folds=3, **more)
    with pytest.raises(InputError, match=r"every fold of init .* has its own; expected cache to"):
        staged(unsplit_manifest, tmp_path / "kept", on_clips(), folds=2, cache=1, **more)


def test_without_an_encoder_the_folds_own_are_taken(unsplit_manifest: Path, tmp_path: Path) -> None:
    staged(unsplit_manifest, tmp_path / "first", on_clips(), folds=2)
    staged(
        unsplit_manifest,
        tmp_path / "second",
        None,
        folds=2,
        init=tmp_path / "first",
        rates={"encoder": 0},
    )
    for fold in ("1", "2"):
        before = load_encoder(tmp_path / "first" / "folds" / fold).state_dict()
        after = load_encoder(tmp_path / "second" / "folds" / fold).state_dict()
        assert all(torch.equal(after[name], value) for name, value in before.items())


def test_an_encoder_of_another_kind_does_not_fit_inside(
    split_manifest: Path, tmp_path: Path
) -> None:
    staged(split_manifest, tmp_path / "first", FrameEncoder(SmallNet(channels=1, stages=(8,))))
    with pytest.raises(InputError, match="fit this one; expected at least 50%"):
        staged(
            split_manifest,
            tmp_path / "second",
            SlidingEncoder(on_clips()),
            init=tmp_path / "first",
        )


def test_an_encoder_of_which_a_part_learns_has_seen_the_training_videos(
    split_manifest: Path, tmp_path: Path
) -> None:
    rates = {"encoder": 0.0, "encoder.backbone.network.network.0.0": 1.0}
    staged(split_manifest, tmp_path / "run", on_clips(), rates=rates)
    videos = Manifest.read(split_manifest).usable
    trained = {row.video for row in videos.rows if row.split == "train"}
    assert set(load_encoder(tmp_path / "run").provenance.footage) == trained


def test_clips_are_named_before_they_are_averaged(split_manifest: Path, tmp_path: Path) -> None:
    crop = Crop(24, tested="four")
    result = staged(split_manifest, tmp_path / "run", on_clips(), crop=crop)
    videos = Manifest.read(split_manifest).usable
    test = videos.select([row.split == "test" for row in videos.rows])
    trained = load_classifier(tmp_path / "run")
    dataset = ClipDataset(test, EvenClips(frames=3, clips=2), size=(32, 32))
    right = []
    for number, row in enumerate(test.rows):
        for clip in dataset[number].clips:
            with torch.no_grad():
                found = trained.classifier(crop.views(clip.frames[None]))[0].probabilities
            best = trained.classes[int(found.mean(0).argmax())]
            right.append(best == row.columns["direction"])
    assert len(right) == 2 * len(test)
    assert result.clip_hit_at_1 == pytest.approx(np.mean(right))
    written = json.loads((tmp_path / "run" / "result.json").read_text())
    assert written["clip_hit_at_1"] == result.clip_hit_at_1
    assert f"{len(right)} single clips (clip hit@1)" in str(result)
    scores = Scores.read(tmp_path / "run" / "scores.csv")
    likeliest = [
        label in row.argsort()[::-1][:5]
        for label, row in zip(scores.labels, scores.probabilities, strict=True)
    ]
    assert result.hit_at_5 == pytest.approx(np.mean(likeliest))
    assert "(hit@5)" in str(result)


def test_five_of_five_classes_are_no_figure(tmp_path: Path) -> None:
    scores = Scores(
        videos=("a", "b", "c"),
        labels=np.array([0, 1, 4]),
        classes=tuple("vwxyz"),
        probabilities=np.eye(5)[:3],
    )
    result = FinetuneResult.of(
        scores,
        ClipHits(clips=12, right=3),
        heading="",
        groups=(0, 1, 2),
        footage={"tested": 3, "seen": 0, "same_group": 0, "known": False},
        protocol={"seed": 0},
        path=tmp_path,
    )
    assert result.hit_at_5 is None
    assert "25.0 % of 12 single clips (clip hit@1)" in result.verdicts
