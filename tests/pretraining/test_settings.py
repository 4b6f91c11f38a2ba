import shutil
from pathlib import Path
from typing import Any

import pytest

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.clips.sampling import RandomClips
from selfvid.data.digits.stream import DigitStream
from selfvid.encoders.flow_input import FlowFields
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.objectives.vicreg import VICReg
from selfvid.pretraining.settings import PretrainSettings
from selfvid.saving.recorded import build
from selfvid.training.clips import ClipReading
from selfvid.training.schedule import Training
from tests.pretraining.runs import run_on_digits, tiny_objective


def settings(*, flow: str | None = None, **changed: Any) -> PretrainSettings:
    reading = ClipReading.of(
        size=16, flow=flow, decoder="auto", decoded=None, workers=0, faults=FaultPolicy()
    )
    arguments: dict[str, Any] = {
        "data": "videos.csv",
        "out": "run",
        "objective": tiny_objective(),
        "clips": RandomClips(frames=2, stride=3),
        "augment": None,
        "reading": reading,
        "training": Training(steps=5, warmup=0),
        "split": None,
        "device": "cpu",
        "precision": "float32",
        "seed": 0,
        "init": None,
    }
    return PretrainSettings(**(arguments | changed))


def test_a_recipe_has_the_arguments_of_the_command_from_which_its_objects_are_built_again() -> None:
    recipe = settings(seed=3).recipe()
    assert recipe["seed"] == 3
    assert (recipe["size"], recipe["workers"], recipe["decoder"]) == ([16, 16], 0, "auto")
    assert build(recipe["clips"]) == RandomClips(frames=2, stride=3)
    assert Training(**recipe["training"]) == Training(steps=5, warmup=0)
    assert FaultPolicy(**recipe["faults"]) == FaultPolicy()
    assert type(build(recipe["objective"])) is type(tiny_objective())


def test_settings_that_do_not_fit_together_are_refused() -> None:
    of_flow = FrameEncoder(SmallNet(channels=2, stages=(8,)), input=FlowFields())
    with pytest.raises(InputError, match="and clips are flow, which has neither colours nor"):
        settings(flow="flow", objective=VICReg(of_flow), augment=Augmentation())
    with pytest.raises(InputError, match="seed must be 0 or more, got -1"):
        settings(seed=-1)


def test_compiling_on_a_cpu_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(InputError, match=r"there is no g\+\+ here"):
        settings(training=Training(compiled=True), device="cpu")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"clips": RandomClips(frames=6)},
            "clips is .* but the digits are generated during training",
        ),
        ({"split": "train"}, "split is train but the digits are generated during training"),
        ({"workers": 2}, "workers is 2 but the digits are generated during training"),
        ({"size": 64}, r"size is \[64, 64\] but the digits are 32x32"),
        ({"data": DigitStream(frames=2, canvas=32)}, "clips of 2 frames are too short"),
        ({"data": DigitStream(frames=6, canvas=64)}, "FlatFrames expected"),
    ],
)
def test_what_has_no_meaning_for_generated_digits_is_refused(
    tmp_path: Path, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        run_on_digits(tmp_path / "run", **wrong)
    assert not (tmp_path / "run").exists()
