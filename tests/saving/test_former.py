import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.compute import Device, Precision, choose_device, resolve_precision
from selfvid.data.clips.sampling import RandomClips
from selfvid.detecting.streams import ParallelStreams
from selfvid.encoders.base import Encoder, load_encoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.finetuning.second_set import SecondData
from selfvid.probing.baselines.metadata import Metadata
from selfvid.saving.former import (
    DEVICES,
    MOVED_MODULES,
    PRECISIONS,
    current_class_path,
    current_precision,
    current_recipe,
)
from selfvid.saving.modules import load_module, save_module
from selfvid.saving.recorded import Recorded, build
from selfvid.training.schedule import Training


@pytest.mark.parametrize(("former", "module"), MOVED_MODULES.items())
def test_a_moved_module_is_gone_from_its_former_place_and_there_at_its_new_one(
    former: str, module: str
) -> None:
    assert importlib.import_module(module).__name__ == module
    with pytest.raises(ImportError):
        importlib.import_module(former)


@pytest.mark.parametrize(
    ("former", "arguments", "expected"),
    [
        ("data.sampling.RandomClips", {"frames": 3, "stride": 2}, RandomClips(frames=3, stride=2)),
        ("engine.lanes.Lanes", {"window": 7}, ParallelStreams(window=7)),
        (
            "engine.also.Also",
            {"data": "b.csv", "weight": 0.5},
            SecondData(data="b.csv", weight=0.5),
        ),
        ("engine.schedule.Training", {"steps": 150}, Training(steps=150)),
    ],
)
def test_an_object_with_a_former_class_path_is_built(
    former: str, arguments: dict[str, Any], expected: object
) -> None:
    assert build({"class_path": f"selfvid.{former}", "init_args": arguments}) == expected


def test_a_baseline_with_its_former_class_path_is_built() -> None:
    made = build({"class_path": "selfvid.evaluation.floors.Metadata", "init_args": {}})
    assert type(made) is Metadata


def test_current_class_paths_stay_as_they_are() -> None:
    for cls in (RandomClips, ParallelStreams, SecondData, FrameEncoder, Metadata):
        path = f"{cls.__module__}.{cls.__qualname__}"
        assert current_class_path(path) == path
    assert current_class_path("its_package.data.sampling.Mine") == "its_package.data.sampling.Mine"
    assert current_class_path("Mine") == "Mine"


class Sampled(FrameEncoder):
    """An encoder that has a sampling rule among its arguments."""

    def __init__(self, rule: RandomClips) -> None:
        super().__init__(SmallNet(channels=1, stages=(8,)))
        self.rule = rule


def test_a_module_that_was_saved_with_a_former_class_path_loads(tmp_path: Path) -> None:
    saved = Sampled(RandomClips(frames=4, stride=2))
    folder = save_module(saved, tmp_path / "saved", kind="encoder")
    now, former = "selfvid.data.clips.sampling.RandomClips", "selfvid.data.sampling.RandomClips"
    config = (folder / "config.json").read_text()
    assert now in config
    (folder / "config.json").write_text(config.replace(now, former))
    loaded = load_module(folder, kind="encoder", expected=Sampled, allow=[f"{__name__}."])
    assert loaded.rule == saved.rule
    clip = torch.randint(256, (1, 2, 3, 8, 8), dtype=torch.uint8)
    assert torch.equal(loaded(clip).clip, saved.eval()(clip).clip)


def test_an_encoder_is_saved_with_current_class_paths_only(tmp_path: Path) -> None:
    def paths(plain: Any) -> list[str]:
        if not isinstance(plain, dict):
            return []
        own = [plain["class_path"]] if "class_path" in plain else []
        return own + [path for value in plain.values() for path in paths(value)]

    encoder: Encoder = FrameEncoder(SmallNet(channels=1, stages=(8,)))
    folder = encoder.save(tmp_path / "encoder")
    found = paths(json.loads((folder / "config.json").read_text()))
    assert len(found) >= 2
    assert all(current_class_path(path) == path for path in found)
    assert isinstance(load_encoder(folder), Recorded)


FORMER: dict[str, Any] = {
    "data": "a.csv",
    "clips": {"class_path": "selfvid.data.sampling.RandomClips", "init_args": {"frames": 2}},
    "views": [{"class_path": "selfvid.data.crops.Crop", "init_args": {}}],
    "also": {"data": "b.csv"},
    "lanes": {"window": 5},
    "training": {
        "steps": 900, "look_every": 3, "precision": "bf16-mixed", "accelerator": "gpu",
    },
}  # fmt: skip
CURRENT: dict[str, Any] = {
    "data": "a.csv",
    "clips": {"class_path": "selfvid.data.clips.sampling.RandomClips", "init_args": {"frames": 2}},
    "views": [{"class_path": "selfvid.data.clips.crops.Crop", "init_args": {}}],
    "second": {"data": "b.csv"},
    "streams": {"window": 5},
    "training": {"steps": 900, "preview_every": 3},
    "precision": "bfloat16",
    "device": "cuda",
}


def test_a_former_recipe_has_today_s_names_and_a_current_one_is_unchanged() -> None:
    given = json.loads(json.dumps(FORMER))
    assert current_recipe(given) == CURRENT
    assert given == FORMER  # what was passed in is not changed
    assert current_recipe(CURRENT) == CURRENT
    Training(**CURRENT["training"])


def test_a_device_that_is_given_counts_more_than_the_former_accelerator() -> None:
    both = {"device": "cpu", "training": {"accelerator": "gpu", "precision": "auto"}}
    assert current_recipe(both) == {"device": "cpu", "precision": "auto", "training": {}}
    assert current_recipe({"training": None}) == {"training": None}


def test_former_names_of_devices_and_precisions_become_names_that_exist() -> None:
    devices: list[Device] = ["auto", "cpu", "cuda", "mps"]
    precisions: list[Precision] = ["auto", "float32", "bfloat16"]
    assert set(DEVICES.values()) <= set(devices)
    assert set(PRECISIONS.values()) <= set(precisions)
    cpu = choose_device("cpu")
    for name in precisions:
        assert current_precision(name) == name
        assert resolve_precision(name, device=cpu) in ("float32", "bfloat16")
    assert current_precision("32-true") == "float32"
