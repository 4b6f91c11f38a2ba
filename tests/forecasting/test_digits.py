from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from selfvid.data.digits.glyphs import Glyphs, Split, load_glyphs
from selfvid.data.digits.stream import DigitStream
from selfvid.encoders.vectors import FlatFrames
from selfvid.forecasting.command import forecast
from selfvid.forecasting.digits import DigitSequences
from tests.forecasting.runs import DIGITS, lstm


def test_sequences_of_mnist_are_not_called_the_published_file(
    digits_run: Path, shared_data: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(digits_run, tmp_path / "run")
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    source = shared_data / "mnist"
    small = forecast(run, source, sequences=3, quiet=True)
    assert "not the same distribution" in small.verdicts[-1]
    recipe["data"]["init_args"] |= {"frames": 20, "digits": 2, "step": 0.1, "canvas": 64}
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    shutil.rmtree(run / "objective")
    lstm(FlatFrames((64, 64))).save(run / "objective")
    alike = forecast(run, source, sequences=3, quiet=True)
    assert alike.verdicts[-1] == (
        "3 sequences from MNIST's test digits by a fixed seed: same distribution as the published "
        "file, not the same sequences"
    )


def test_sequences_are_the_same_whatever_the_batch(digits_run: Path, tmp_path: Path) -> None:
    first = forecast(digits_run, sequences=20, out=tmp_path / "a", quiet=True)
    second = forecast(digits_run, sequences=20, batch=7, out=tmp_path / "b", quiet=True)
    for one, other in zip(first.measures[0].rows, second.measures[0].rows, strict=True):
        assert one.error == pytest.approx(other.error, rel=1e-5)


def sequences(stream: DigitStream = DIGITS, **changes: Any) -> DigitSequences:
    plain: dict[str, Any] = {
        "source": None, "count": 5, "batch": 2, "seed": 3, "device": torch.device("cpu"),
    }  # fmt: skip
    return DigitSequences(stream, **plain | changes)


def test_the_first_sequences_do_not_depend_on_the_number_or_the_batch() -> None:
    few, many = sequences(count=5, batch=2), sequences(count=103, batch=40)
    first = torch.cat([clips.frames for clips in few.tested()])
    other = torch.cat([clips.frames for clips in many.tested()])
    assert (len(first), len(other)) == (5, 103)
    assert torch.equal(first, other[:5])
    groups = [group for clips in many.tested() for group in clips.groups]
    assert groups == [str(number) for number in range(103)]  # every sequence is its own group


def test_test_and_training_sequences_use_other_images() -> None:
    source = sequences(replace(DIGITS, split="train"))
    assert (source.test.split, source.train.split) == ("test", "train")
    first, training = next(source.tested()).frames, next(source.training()).frames
    expected = replace(DIGITS, split="test", seed=3).batch(0, clips=100).rgb()[:2]
    assert torch.equal(first, expected)
    assert not torch.equal(first, training)


def test_the_true_flow_is_that_of_the_sequences_in_the_batch() -> None:
    source = sequences(replace(DIGITS, kind="drifting"), count=5, batch=3)
    for clips in source.tested():
        assert clips.flow is not None
        truth = clips.flow()
        frames = clips.frames[:, :, 0]  # (B, T, H, W)
        places = truth.known.nonzero()[::31].tolist()
        assert places
        for sequence, step, row, column in places:
            x, y = truth.flow[sequence, step, :, row, column].int().tolist()
            now, before = frames[sequence, step + 1], frames[sequence, step]
            assert now[row, column] == before[row + y, column + x]


PUBLISHED = DigitStream(kind="bouncing", frames=20, digits=2, canvas=64, step=0.1)


@pytest.mark.parametrize(
    ("stream", "source", "words"),
    [
        (PUBLISHED, None, "not MNIST"),
        (PUBLISHED, Path("mnist"), "same distribution as the published file"),
        (replace(PUBLISHED, canvas=32), Path("mnist"), "with canvas unlike the published file's"),
    ],
)
def test_the_words_say_what_the_figures_can_be_compared_with(
    stream: DigitStream, source: Path | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_images(source: object, *, split: Split) -> Glyphs:
        del source  # the words depend on the names alone, so any images will do
        return load_glyphs("sklearn", split=split)

    monkeypatch.setattr("selfvid.data.digits.stream.load_glyphs", other_images)
    (only,) = sequences(stream, source=source).in_words()
    assert only.startswith("5 sequences from ")
    assert words in only


def test_a_run_on_the_test_images_is_called_transductive() -> None:
    _, second = sequences(replace(DIGITS, split="test")).in_words()
    assert second.startswith("transductive: ")
