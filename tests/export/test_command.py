from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

import selfvid.export.onnx
import selfvid.export.parity
from selfvid.backbones.alexnet import AlexNet
from selfvid.backbones.baccouche import Baccouche
from selfvid.backbones.base import Backbone
from selfvid.backbones.karpathy import SlowFusion
from selfvid.backbones.vgg import VGG16
from selfvid.encoders.base import Encoder, Provenance
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.local_contrast import LocalContrast
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.errors import InputError
from selfvid.export import export
from selfvid.export.command import Format
from tests.export.encoders import ENCODERS, FORMATS, OF_CLIPS, saved

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ENCODERS)
def test_every_format_agrees_with_pytorch_on_shapes_it_was_not_traced_on(
    name: str, format: Format, tmp_path: Path
) -> None:
    made = export(saved(ENCODERS[name](), tmp_path / "run"), format=format)
    assert made.folder == tmp_path / "run" / "export" / format
    traced, *others = [check.shape[:2] for check in made.parity.checks]
    assert traced == (2, 8)
    assert all(batch != 2 and frames != 8 for batch, frames in others)
    assert made.parity.difference <= 1e-4
    assert min(check.largest for check in made.parity.checks) > 1e-3  # not zeros against zeros
    assert made.plan.any_length
    assert [path.name for path in made.folder.parent.iterdir()] == [format]


@pytest.mark.parametrize("format", ["onnx", "program", "native"])
@pytest.mark.parametrize("name", OF_CLIPS)
def test_networks_on_clips_are_exported_for_their_number_of_frames(
    name: str, format: Format, tmp_path: Path
) -> None:
    encoder = OF_CLIPS[name]()
    made = export(saved(encoder, tmp_path / "run"), format=format, frames=encoder.window)
    assert made.parity.difference <= 1e-4
    assert min(check.largest for check in made.parity.checks) > 1e-3
    assert {check.shape[1] for check in made.parity.checks} == {encoder.window}
    assert not made.plan.any_length
    assert not made.reason


@pytest.mark.parametrize("format", ["onnx", "program", "native"])
def test_a_sliding_encoder_is_exported_for_any_number_of_windows(
    format: Format, tmp_path: Path
) -> None:
    encoder = SlidingEncoder(ClipEncoder(SlowFusion("small", channels=1)), stride=3)
    made = export(saved(encoder, tmp_path / "run"), format=format, frames=16)
    assert made.plan.any_length
    assert [check.shape[1] for check in made.parity.checks] == [16, 13, 19]
    card = json.loads((made.folder / "encoder.json").read_text())
    assert card["step"] == {"window": 10, "stride": 3}


def test_baccouche_is_exported_with_its_contrast(tmp_path: Path) -> None:
    encoder = ClipEncoder(Baccouche(), input=LocalContrast())
    made = export(saved(encoder, tmp_path / "run"), format="onnx", frames=9, size=(34, 54))
    assert made.parity.difference <= 1e-4


@pytest.fixture(scope="module", params=[VGG16, AlexNet])
def fully_connected(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    backbone: type[Backbone] = request.param
    return saved(FrameEncoder(backbone()), tmp_path_factory.mktemp("run") / "run")


@pytest.mark.parametrize("format", FORMATS)
def test_networks_with_fully_connected_layers_are_exported_too(
    fully_connected: Path, format: Format
) -> None:
    made = export(fully_connected, format=format, frames=2, size=64)
    assert made.plan.any_length
    assert made.plan.size == (64, 64)


@pytest.mark.parametrize(
    ("format", "name", "steps"), [*((each, "pixels", 8) for each in FORMATS), ("onnx", "flow", 7)]
)
def test_snippet_runs_as_a_script_and_prints_shapes(
    format: Format, name: str, steps: int, tmp_path: Path
) -> None:
    made = export(saved(ENCODERS[name](), tmp_path / "run"), format=format)
    command = [sys.executable, str(made.folder / "use_encoder.py")]
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.splitlines() == ["clip (1, 16)", f"steps (1, {steps}, 16)"]


@pytest.mark.parametrize("format", FORMATS)
def test_export_that_differs_is_not_left_behind(
    format: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = saved(ENCODERS["pixels"](), tmp_path / "run")

    def a_thousandth_off(encoder: Encoder, clip: Tensor) -> dict[str, Tensor]:
        features = encoder(clip)
        return {"clip": features.clip + 1e-3, "steps": features.need_steps("the test")}

    monkeypatch.setattr(selfvid.export.parity, "outputs", a_thousandth_off)
    with pytest.raises(
        InputError, match=r"outputs differ from PyTorch by 0\.001 .*at most 0\.0001"
    ):
        export(run, format=format)
    assert list((run / "export").iterdir()) == []


def test_an_existing_export_is_replaced_only_with_overwrite(tmp_path: Path) -> None:
    run = saved(ENCODERS["pixels"](), tmp_path / "run")
    folder = export(run, format="weights").folder
    before = (folder / "encoder.json").stat().st_ino
    with pytest.raises(InputError, match="exists; expected a new folder"):
        export(run, format="weights")
    assert (folder / "encoder.json").stat().st_ino == before
    export(run, format="weights", overwrite=True)
    assert (folder / "encoder.json").stat().st_ino != before


def test_a_folder_that_is_no_export_is_never_overwritten(tmp_path: Path) -> None:
    run = saved(ENCODERS["pixels"](), tmp_path / "run")
    precious = tmp_path / "holiday"
    precious.mkdir()
    (precious / "film.mp4").write_text("dear")
    with pytest.raises(InputError, match="contains no earlier export"):
        export(run, format="weights", out=precious, overwrite=True)
    assert (precious / "film.mp4").read_text() == "dear"


def test_an_encoder_that_was_trained_on_clips_of_one_step_is_traced_on_two(tmp_path: Path) -> None:
    encoder = ENCODERS["stacked differences, places kept"]()  # a step sees 3 frames
    encoder.provenance = Provenance(frames=3, size=(32, 32))
    encoder.save(tmp_path / "encoder")
    made = export(tmp_path / "encoder", format="native")
    assert (made.plan.frames, made.plan.shortest) == (4, 4)


def test_the_encoder_at_start_has_an_export_folder_of_its_own(tmp_path: Path) -> None:
    ENCODERS["pixels"]().save(tmp_path / "run" / "encoder_at_start")
    made = export(tmp_path / "run" / "encoder_at_start", format="weights", frames=4, size=(32, 48))
    assert made.folder == tmp_path / "run" / "encoder_at_start-export" / "weights"
    assert made.plan.size == (32, 48)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"frames is None and the encoder does not say; expected --frames"),
        ({"frames": 8}, r"size is None and the encoder does not say; expected --size"),
        ({"frames": 0, "size": 32}, r"must be positive, got 0 and 32×32"),
        ({"frames": 1, "size": 32}, r"frames must be at least 2 to be traced, got 1"),
        ({"frames": 8, "size": 2}, r"a clip of 8 frames of 2×2 does not go through FrameEncoder"),
        ({"frames": 8, "size": 32, "tolerance": 0.0}, r"tolerance must be positive, got 0\.0"),
        ({"frames": 8, "size": 32, "format": "tflite"}, r"format must be onnx, .* got 'tflite'"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(
    arguments: dict[str, Any], message: str, tmp_path: Path
) -> None:
    ENCODERS["pixels"]().save(tmp_path / "encoder")
    with pytest.raises(InputError, match=message) as raised:
        export(tmp_path / "encoder", **arguments)
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.rglob("use_encoder.py")] == []
