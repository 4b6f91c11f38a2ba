from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.detecting import extract
from selfvid.detecting.extract import StreamEncoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from tests.detecting.made import clip_features
from tests.detecting.runs import train_run


def test_vectors_in_the_store_are_not_computed_again(
    run: Path,
    stream_encoder: Path,
    annotated: Path,
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del run  # has left them

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a video was decoded")

    monkeypatch.setattr(extract, "ClipStream", never)
    train_run(stream_encoder, annotated, tmp_path / "again", store)


def encoder_of(seed: int) -> StreamEncoder:
    torch.manual_seed(seed)
    network = FrameEncoder(SmallNet(channels=1, stages=(4,), norm="none")).eval()
    return StreamEncoder(
        network, frames=2, size=(16, 16), device=torch.device("cpu"), precision="float32"
    )


def test_features_are_read_in_parts_as_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = torch.rand(7, 3, generator=torch.Generator().manual_seed(0))
    features = clip_features(tmp_path, "video", vectors)
    assert (features.clips, features.width) == (7, 3)
    assert torch.equal(features.read(2, 4), vectors[2:6])
    assert features.spans[3].tolist() == [6.0, 8.0]
    monkeypatch.setattr(extract, "_BLOCK", 3)
    blocks = list(features.blocks())
    assert [len(block) for block in blocks] == [3, 3, 1]
    assert torch.equal(torch.cat(blocks), vectors)


def test_the_key_changes_with_everything_that_the_vectors_depend_on() -> None:
    encoder = encoder_of(0)
    others = [
        encoder.with_encoder(encoder_of(1).encoder),
        replace(encoder, frames=3),
        replace(encoder, size=(16, 24)),
        replace(encoder, precision="bfloat16"),
    ]
    keys = {each.key for each in (encoder, *others)}
    assert len(keys) == 5
    assert encoder_of(0).key == encoder.key
    assert replace(encoder, threads=4).key == encoder.key  # the pixels are the same


def test_vectors_are_those_of_each_clip_alone() -> None:
    encoder = encoder_of(0)
    generator = torch.Generator().manual_seed(0)
    clips = torch.randint(0, 256, (5, 2, 3, 16, 16), dtype=torch.uint8, generator=generator)
    blocks = list(encoder.vectors(clips.split(2), of=Path("video")))
    assert [len(block) for block in blocks] == [2, 2, 1]
    with torch.no_grad():
        alone = torch.cat([encoder.encoder(clip[None]).clip for clip in clips])
    torch.testing.assert_close(torch.cat(blocks), alone)


def test_vectors_that_are_not_finite_are_refused() -> None:
    encoder = encoder_of(0)
    with torch.no_grad():
        next(encoder.encoder.parameters()).fill_(torch.nan)
    with pytest.raises(InputError, match=r"vectors of broken\.mp4 are not finite"):
        next(encoder.vectors([torch.zeros(1, 2, 3, 16, 16)], of=Path("broken.mp4")))
