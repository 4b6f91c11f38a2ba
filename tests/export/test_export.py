"""Every format of two small encoders and a ResNet, compared and handed out."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx
import pytest
import torch
import torchvision
from safetensors.torch import load_file
from torch import Tensor, nn

import selfvid.export.onnx
import selfvid.export.parity
from selfvid.backbones.alexnet import AlexNet
from selfvid.backbones.baccouche import Baccouche
from selfvid.backbones.base import Backbone
from selfvid.backbones.c3d import C3D
from selfvid.backbones.inflated import Inflated
from selfvid.backbones.karpathy import LateFusion, SlowFusion
from selfvid.backbones.resnet import ResNet
from selfvid.backbones.small import SmallNet
from selfvid.backbones.torchvision_video import TorchvisionVideo
from selfvid.backbones.vgg import VGG16
from selfvid.encoders.base import Encoder, Provenance, load_encoder
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput, PixelInput
from selfvid.encoders.local_contrast import LocalContrast
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.errors import InputError
from selfvid.export import export
from selfvid.export.command import Format
from selfvid.types import Features, Widths

FORMATS = get_args(Format)
SIZE = 32

ENCODERS = {
    "pixels": lambda: FrameEncoder(SmallNet(channels=1, stages=(8, 16))),
    "differences": lambda: FrameEncoder(
        SmallNet(channels=3, stages=(8, 16), grid=2, features=6, activation="tanh"),
        input=DifferenceInput("rgb"),
    ),
    "resnet": lambda: FrameEncoder(ResNet(18)),
    "resnet on differences": lambda: FrameEncoder(ResNet(18), input=DifferenceInput("rgb")),
}


OF_CLIPS: dict[str, Callable[[], Encoder]] = {
    "slow fusion": lambda: ClipEncoder(SlowFusion("small", channels=1)),
    "late fusion in two streams": lambda: ClipEncoder(
        LateFusion("small", streams="both", norm="batch")
    ),
    "c3d": lambda: ClipEncoder(C3D(size="small", norm="batch")),
    "inflated": lambda: ClipEncoder(Inflated(SmallNet(channels=1, stages=(8,)), frames=5)),
    "torchvision": lambda: ClipEncoder(TorchvisionVideo("mc3_18", frames=4)),
}


class LoopEncoder(Encoder):
    """A leaky integrator over time: its graph has one node per frame, and it has no steps."""

    def __init__(self, features: int = 4) -> None:
        super().__init__()
        self.widths = Widths(clip=features)
        self.project = nn.Linear(3, features)

    def forward(self, clip: Tensor) -> Features:
        state = clip.new_zeros(clip.shape[0], self.widths.clip, dtype=torch.float32)
        for frame in clip.to(torch.float32).mean((3, 4)).unbind(1):
            state = 0.5 * state + self.project(frame / 255).tanh()
        return Features(clip=state)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def saved(encoder: Encoder, run: Path, **origin: Any) -> Path:
    encoder.provenance = Provenance(frames=8, size=(SIZE, SIZE), **origin)
    encoder.eval().save(run / "encoder")
    return run


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


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("backbone", [VGG16, AlexNet])
def test_networks_with_fully_connected_layers_are_exported_too(
    backbone: type[Backbone], format: Format, tmp_path: Path
) -> None:
    run = saved(FrameEncoder(backbone()), tmp_path / "run")
    made = export(run, format=format, frames=2, size=64)
    assert made.plan.any_length
    assert made.plan.size == (64, 64)


@pytest.mark.parametrize("name", ["pixels", "differences"])
def test_onnx_snippet_needs_neither_torch_nor_selfvid(name: str, tmp_path: Path) -> None:
    made = export(saved(ENCODERS[name](), tmp_path / "run"), format="onnx")
    np.save(tmp_path / "clip.npy", made.plan.clip(3, 5).numpy())
    program = (
        "import sys, runpy, numpy as np\n"
        "sys.modules['torch'] = sys.modules['selfvid'] = None\n"
        f"encode = runpy.run_path({str(made.folder / 'use_encoder.py')!r})['encode']\n"
        f"np.savez({str(tmp_path / 'out.npz')!r}, **encode(np.load('clip.npy')))\n"
    )
    bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, env=bare)
    found = np.load(tmp_path / "out.npz")
    with torch.no_grad():
        wanted = load_encoder(tmp_path / "run")(made.plan.clip(3, 5))
    assert sorted(found) == ["clip", "steps"]
    np.testing.assert_allclose(found["clip"], wanted.clip, atol=1e-4)
    np.testing.assert_allclose(found["steps"], wanted.need_steps("the test"), atol=1e-4)


@pytest.mark.parametrize("format", FORMATS)
def test_snippet_runs_as_a_script_and_prints_shapes(format: Format, tmp_path: Path) -> None:
    made = export(saved(ENCODERS["pixels"](), tmp_path / "run"), format=format)
    command = [sys.executable, str(made.folder / "use_encoder.py")]
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert said.stdout.splitlines() == ["clip (1, 16)", "steps (1, 8, 16)"]


def test_onnx_file_is_alone_and_carries_its_card(tmp_path: Path) -> None:
    run = saved(ENCODERS["pixels"](), tmp_path / "run", fps=12.5, footage=("a", "b"))
    made = export(run, format="onnx")
    graph = onnx.load(made.folder / "encoder.onnx")
    onnx.checker.check_model(graph)
    card = json.loads({entry.key: entry.value for entry in graph.metadata_props}["selfvid"])
    assert json.loads((made.folder / "encoder.json").read_text()) == {"format": "onnx"} | card
    assert card["provenance"]["fps"] == 12.5
    assert card["provenance"]["footage"] == ["a", "b"]
    assert card["parity"]["difference"] == made.parity.difference
    assert card["input"]["frames"] == ["B", "T", 3, SIZE, SIZE]
    names = ["encoder.json", "encoder.onnx", "use_encoder.py"]
    assert [path.name for path in made.files] == names


def test_weights_beyond_protobufs_limit_lie_beside_the_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selfvid.export.onnx, "LARGEST_FILE", 100)
    made = export(saved(ENCODERS["pixels"](), tmp_path / "run"), format="onnx")
    assert "encoder.onnx.data" in [path.name for path in made.files]


def test_weights_load_strictly_into_torchvisions_own_class(tmp_path: Path) -> None:
    encoder = ENCODERS["resnet"]()
    made = export(saved(encoder, tmp_path / "run"), format="weights")
    model = torchvision.models.resnet18()
    model.fc = nn.Identity()
    model.load_state_dict(load_file(made.folder / "backbone.safetensors"), strict=True)
    frames = PixelInput()(made.plan.clip(1, 3))[0]
    with torch.no_grad():
        wanted = encoder(made.plan.clip(1, 3)).need_steps("the test")[0]
        torch.testing.assert_close(model.eval()(frames), wanted)


def test_native_export_is_an_encoder_again(tmp_path: Path) -> None:
    made = export(saved(ENCODERS["pixels"](), tmp_path / "run"), format="native")
    again = load_encoder(made.folder)
    assert again.provenance.frames == 8


@pytest.mark.parametrize("format", ["onnx", "program"])
def test_graph_that_depends_on_time_is_fixed_and_says_so(format: Format, tmp_path: Path) -> None:
    made = export(saved(LoopEncoder(), tmp_path / "run"), format=format, allow=["tests."])
    assert not made.plan.any_length
    assert [check.shape[:2] for check in made.parity.checks] == [(2, 8), (1, 8), (3, 8)]
    assert "time fixed at T=8" in made.words
    assert "time is fixed: with any T the exporter failed (" in made.words
    card = json.loads((made.folder / "encoder.json").read_text())
    assert card["input"]["frames"] == ["B", 8, 3, SIZE, SIZE]
    assert sorted(card["outputs"]) == ["clip"]


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


@pytest.mark.parametrize("wrong", [1.5, float("nan")])
def test_small_features_are_compared_by_their_own_size(
    wrong: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = FrameEncoder(SmallNet(channels=1, stages=(8,), features=4))
    with torch.no_grad():
        for name, parameter in encoder.backbone.named_parameters():
            if name.startswith("last."):
                parameter.abs_().mul_(1e-5)
    run = saved(encoder, tmp_path / "run")
    honest = export(run, format="onnx")
    assert all(0 < check.largest < 1e-4 for check in honest.parity.checks)

    def out_of_proportion(encoder: Encoder, clip: Tensor) -> dict[str, Tensor]:
        features = encoder(clip)
        return {"clip": wrong * features.clip, "steps": features.need_steps("the test")}

    monkeypatch.setattr(selfvid.export.parity, "outputs", out_of_proportion)
    with pytest.raises(InputError, match="outputs differ from PyTorch"):
        export(run, format="onnx", overwrite=True)
    assert (honest.folder / "encoder.onnx").is_file()  # the earlier one is still there


def test_existing_output_is_kept_unless_told(tmp_path: Path) -> None:
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
    with pytest.raises(InputError, match="holds no earlier export"):
        export(run, format="weights", out=precious, overwrite=True)
    assert (precious / "film.mp4").read_text() == "dear"


def test_encoder_at_start_is_exported_beside_and_not_as_the_run(tmp_path: Path) -> None:
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
def test_bad_requests_are_refused_in_one_line(
    arguments: dict[str, Any], message: str, tmp_path: Path
) -> None:
    ENCODERS["pixels"]().save(tmp_path / "encoder")
    with pytest.raises(InputError, match=message) as raised:
        export(tmp_path / "encoder", **arguments)
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.rglob("use_encoder.py")] == []


def test_weights_of_an_encoder_without_a_backbone_are_refused(tmp_path: Path) -> None:
    run = saved(LoopEncoder(), tmp_path / "run")
    with pytest.raises(InputError, match="format 'weights' is for frame encoders, got LoopEnc"):
        export(run, format="weights", allow=["tests."])
