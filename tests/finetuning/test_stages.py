import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from selfvid.backbones.inflated import Inflated
from selfvid.backbones.small import SmallNet
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.splits import folds
from selfvid.encoders.base import Encoder, Provenance, load_encoder
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.errors import InputError
from selfvid.finetuning.result import FinetuneResult
from selfvid.heads.conv3d_lstm import Conv3dLSTM
from tests.finetuning.tuned import (
    tuned,
)

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


def test_an_encoder_trained_with_the_test_videos_labels_makes_a_leak(
    unsplit_manifest: Path, tmp_path: Path
) -> None:
    staged(unsplit_manifest, tmp_path / "first", on_clips(), folds=2)
    # Alone, the encoder of one fold has learnt from what the other tests.
    init = tmp_path / "first" / "folds" / "1"
    result = staged(unsplit_manifest, tmp_path / "second", on_clips(), folds=2, init=init)
    labelled = len(load_encoder(init).provenance.labelled)
    assert result.footage["labels_seen"] == result.footage["seen"] == labelled > 0
    assert f"leak: the encoder was trained with the labels of {labelled} of" in str(result)
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


def test_each_fold_begins_with_the_encoder_that_was_pretrained_without_its_test_videos(
    unsplit_manifest: Path, tmp_path: Path
) -> None:
    whole = Manifest.read_labelled(unsplit_manifest, "direction")
    folders = [tmp_path / "run" / "folds" / number for number in ("1", "2")]
    for folder, fold in zip(folders, folds(whole, column="direction", folds=2), strict=True):
        encoder = on_clips()
        seen = tuple(row.video for row in whole.select(fold.train).rows)
        encoder.provenance = Provenance(footage=seen, size=(32, 32), frames=3)
        encoder.save(folder / "encoder")
    more: dict[str, Any] = {"init": tmp_path / "run", "rates": {"encoder": 0}, "folds": 2}
    result = staged(unsplit_manifest, tmp_path / "second", None, **more)
    assert (result.footage["seen"], result.footage["known"]) == (0, True)
    for folder in folders:
        before = load_encoder(folder).state_dict()
        after = load_encoder(tmp_path / "second" / "folds" / folder.name).state_dict()
        assert all(torch.equal(after[name], value) for name, value in before.items())

    # Encoders of another name in the folds are named beside the run.
    for folder in folders:
        shutil.copytree(folder / "encoder", folder / "flow_encoder")
    named = more | {"init": tmp_path / "run" / "flow_encoder"}
    again = staged(unsplit_manifest, tmp_path / "named", None, **named)
    assert again.accuracy == result.accuracy

    folders[0].rename(tmp_path / "kept")
    folders[1].rename(folders[0])
    (tmp_path / "kept").rename(folders[1])
    words = (
        r"encoder of fold 1 of init .* was trained on \d+ of the \d+ videos that this fold tests"
    )
    with pytest.raises(InputError, match=words):
        staged(unsplit_manifest, tmp_path / "third", None, **more)
