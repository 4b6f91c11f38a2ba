from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from selfvid.data.digits.stream import DigitStream
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.vectors import FlatFrames
from selfvid.errors import InputError
from selfvid.forecasting.command import forecast
from selfvid.forecasting.digits import DigitSequences
from selfvid.forecasting.footage import VideoSequences
from selfvid.forecasting.run import SequenceOptions, find_sequences
from selfvid.objectives.predictive import load_predictive
from selfvid.saving.recorded import describe
from tests.forecasting.runs import lstm


def test_a_range_of_steps_survives_the_recipe(digits_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(digits_run, tmp_path / "run")
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    recipe["data"]["init_args"]["step"] = [0.05, 0.15]
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    assert forecast(run, sequences=3, quiet=True).measures


def test_a_missing_manifest_is_named(video_run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.csv"):
        forecast(video_run, tmp_path / "gone.csv", quiet=True)
    run = shutil.copytree(video_run, tmp_path / "run")
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe | {"data": "lost.csv"}))
    with pytest.raises(InputError, match=r"lost\.csv.*is not there"):
        forecast(run, quiet=True)


OPTIONS = SequenceOptions(
    data=None, count=6, batch=3, seed=5, device=torch.device("cpu"), decoder="auto", workers=0
)


def with_recipe(folder: Path, **recipe: Any) -> Path:
    folder.mkdir()
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return folder


def test_a_run_on_digits_gets_digits_of_its_kind(tmp_path: Path) -> None:
    stream = DigitStream(frames=6, canvas=40, digits=1)
    run = with_recipe(tmp_path / "run", data=describe(stream))
    found = find_sequences(run, lstm(FlatFrames((40, 40))), OPTIONS)
    assert isinstance(found, DigitSequences)
    assert found.test == replace(stream, split="test", seed=5)
    assert (found.count, found.batch) == (6, 3)


@pytest.mark.parametrize(
    ("recipe", "complaint"),
    [
        ({"seed": 0}, "names no data; expected a manifest"),
        (
            {"data": {"class_path": "selfvid.backbones.small.SmallNet", "init_args": {}}},
            "is neither a manifest nor moving digits",
        ),
    ],
)
def test_a_recipe_without_usable_data_is_named(
    recipe: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    run = with_recipe(tmp_path / "run", **recipe)
    with pytest.raises(InputError, match=complaint):
        find_sequences(run, lstm(FlatFrames((8, 8))), OPTIONS)


def test_clips_of_videos_are_as_in_training_and_as_long_as_the_frames_to_predict(
    video_run: Path, digits_manifest: Path
) -> None:
    found = find_sequences(video_run, load_predictive(video_run), OPTIONS)
    assert isinstance(found, VideoSequences)
    assert (found.cut.frames, found.cut.short, found.size) == (5, "skip", (32, 32))
    trained = [row.path for row in Manifest.read(digits_manifest).rows if row.split == "train"]
    assert [row.path for row in found.trained.rows] == trained
