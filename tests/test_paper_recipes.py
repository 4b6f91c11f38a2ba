"""Recipes of papers: the settings are those of the fact sheets, and none is left to a default."""

import inspect
import re
import shlex
from collections.abc import Iterator
from dataclasses import MISSING, fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from docs.recipe_table import RECIPES, read_header
from selfvid.backbones.base import Backbone
from selfvid.backbones.caffenet import HybridCaffeNet
from selfvid.backbones.cnn_m import CNNM2048
from selfvid.encoders.frame import FrameEncoder
from selfvid.finetuning.classifier import Classifier
from selfvid.heads.average import Average
from selfvid.training.rates import Rates, freeze_statistics
from selfvid.training.schedule import Training, make_optimiser

PAPERS = sorted(path for path in RECIPES.glob("*.yaml") if re.match(r"[a-z]+\d{4}_", path.stem))
# What a paper does not say: how a machine shares out the work, and how often it is looked at.
OF_THE_MACHINE = {
    "accumulate", "compiled", "devices", "strategy", "checkpoint_every", "preview_every",
}  # fmt: skip
# What the command gives to a class, or the user to a recipe.
GIVEN = {"widths", "classes", "start"}
EVERY_FINETUNE = {
    "head",
    "encoder",
    "clips",
    "views",
    "size",
    "crop",
    "augment",
    "rates",
    "balanced",
}

BGR, CAFFE = "bgr", {"mean": [103.939, 116.779, 123.68], "deviation": [1, 1, 1], "scale": 255}
SGD = {"optimiser": "sgd", "momentum": 0.9, "warmup": 0, "clip_value": None, "average": None}
DONAHUE = SGD | {"rate": 0.001, "weight_decay": 0.005, "milestones": None}
SIMONYAN = SGD | {"rate": 0.01, "clip_norm": None, "milestones": [50000, 70000], "steps": 80000}
DONAHUE_RATES = {"encoder.*.bias": 2, "head.last": 10, "head.last.bias": 20}
MIRRORED_TEN = {"mirror": 0.5, "tested": "ten"}

# The figures of the fact sheets: for each recipe, parts of it by their path, and what they hold.
SHEETS: dict[str, dict[str, dict[str, Any]]] = {
    # Fact sheet lrcn2015, tables (a) and (d) and section (c).
    "donahue2015_ucf101": {
        "training": DONAHUE
        | {"steps": 30000, "staircase": [0.1, 10000], "batch": 24, "clip_norm": 5},
        "rates": DONAHUE_RATES,
        "head.init_args": {
            "hidden": 256, "layers": 1, "dropout_before": 0.9, "dropout_after": 0.5, "bound": 0.01,
        },
        "encoder.init_args.input.init_args": {"colour": BGR} | CAFFE,
        "encoder.init_args.backbone.init_args": {"vector": "fc6", "dropout": 0},
        "clips.init_args": {"frames": 16, "stride": 1},
        "views.init_args": {"frames": 16, "stride": 1, "hop": 8, "to_end": True},
        "crop.init_args": {"size": 227} | MIRRORED_TEN,
        "": {"size": [240, 320], "augment": None},
    },
    "donahue2015_ucf101_fc7": {
        "training": DONAHUE
        | {"steps": 30000, "staircase": [0.1, 10000], "batch": 24, "clip_norm": 5},
        "rates": DONAHUE_RATES,
        "encoder.init_args.input.init_args": {"colour": BGR} | CAFFE,
        "encoder.init_args.backbone.init_args": {"vector": "fc7"},
    },
    "donahue2015_ucf101_flow": {
        "training": DONAHUE
        | {"steps": 70000, "staircase": [0.1, 20000], "batch": 24, "clip_norm": 15},
        "rates": DONAHUE_RATES,
        "head.init_args": {"hidden": 1024, "dropout_before": 0.9, "dropout_after": 0.5},
        "encoder.init_args.input.init_args": {"levels": 16, "deviation": 1, "scale": 255},
        "clips.init_args": {"frames": 15},
        "views.init_args": {"frames": 15, "hop": 8, "to_end": True},
    },
    "donahue2015_ucf101_single_frame": {
        "training": DONAHUE
        | {"steps": 5000, "staircase": [0.1, 3000], "batch": 128, "clip_norm": None},
        "rates": DONAHUE_RATES,
        "encoder.init_args.input.init_args": {"colour": BGR} | CAFFE,
        "encoder.init_args.backbone.init_args": {"vector": "fc7", "dropout": 0.5},
        "crop.init_args": {"size": 227} | MIRRORED_TEN,
    },
    "donahue2015_ucf101_flow_single_frame": {
        "training": DONAHUE
        | {"steps": 50000, "staircase": [0.1, 20000], "batch": 128, "clip_norm": None},
        "rates": DONAHUE_RATES,
        "encoder.init_args.input.init_args": {"levels": 16, "deviation": 1, "scale": 255},
        "encoder.init_args.backbone.init_args": {"vector": "fc7", "dropout": 0.5},
    },
    # Fact sheet twostream2014, sections (a) and (c) to (e); weight decay is Krizhevsky's.
    "simonyan2014_ucf101_spatial": {
        "training": SIMONYAN | {"batch": 256, "weight_decay": 0.0005},
        "encoder.init_args.input.init_args": {"colour": BGR} | CAFFE,
        "encoder.init_args.backbone.init_args": {"channels": 3, "norms": 2, "dropout": 0.9},
        "clips.init_args": {"frames": 1},
        "views.init_args": {"frames": 1, "clips": 25},
        "crop.init_args": {"size": 224} | MIRRORED_TEN,
        "": {"balanced": True},
    },
    "simonyan2014_ucf101_temporal": {
        "training": SIMONYAN | {"batch": 256, "weight_decay": 0.0005},
        "encoder.init_args.input.init_args": {
            "length": 10, "ways": "forward", "subtract_mean": True, "along": "place",
        },
        "encoder.init_args.backbone.init_args": {"channels": 20, "norms": 1, "dropout": 0.9},
        "views.init_args": {"frames": 10, "clips": 25},
        "crop.init_args": {"size": 224} | MIRRORED_TEN,
        "": {"balanced": True, "augment": None},
    },
    "simonyan2014_ucf101_hmdb51_temporal": {
        "training": SIMONYAN | {"batch": 128, "weight_decay": 0.0005},
        "second": {"batch": 128, "weight": 1},
        "encoder.init_args.backbone.init_args": {"channels": 20, "norms": 1, "dropout": 0.9},
    },
    # Fact sheet karpathy2014, sections (a) and (c) to (e), and its transfer protocol.
    "karpathy2014_ucf101_slow_fusion": {
        "training": SGD
        | {"rate": 0.001, "weight_decay": 0.0005, "batch": 32, "clip_norm": None},
        "rates": {"encoder": 0, "encoder.backbone.network.classifier": 1},
        "head.init_args": {"dropout": 0.9},
        "encoder.init_args.input.init_args": {
            "colour": "rgb", "mean": [117, 117, 117], "deviation": [1, 1, 1], "scale": 255,
        },
        "encoder.init_args.backbone.init_args": {
            "size": "published", "norm": "response", "dropout": 0.9, "streams": "whole",
        },
        "clips.init_args": {"frames": 10, "stride": 1},
        "views.init_args": {"frames": 10, "clips": 20},
        "crop.init_args": {"size": 170, "mirror": 0.5, "tested": "four"},
        "": {"size": 200},
    },
    "karpathy2014_sports1m_multiresolution": {
        "training": SGD
        | {"rate": 0.001, "weight_decay": 0.0005, "batch": 32, "clip_norm": None}
        | {"steps": 500_000_000 // 32 // 100_000 * 100_000},
        "encoder.init_args.backbone.init_args": {
            "size": "published", "norm": "response", "streams": "both",
        },
        "views.init_args": {"frames": 1, "clips": 20},
        "crop.init_args": {"size": 178, "mirror": 0.5, "tested": "four"},
    },
    # Fact sheet gru_rcn2016, sections (a), (c) and (e); the first stage follows twostream2014.
    "ballas2016_ucf101": {
        "training": {"batch": 64, "optimiser": "adamw", "weight_decay": 0, "clip_norm": None},
        "rates": {"encoder": 0},
        "head.init_args": {
            "levels": [1, 2, 3, 4], "vector": True, "hidden": [64, 128, 256, 256, 512],
            "kernel": 3, "dropout": 0.7, "bidirectional": False, "stacked": False,
        },
        "clips.init_args": {"frames": 10, "stride": 1},
        "views.init_args": {"frames": 10, "clips": 25},
        "crop.init_args": {"size": 224, "sides": [256, 224, 192, 168]} | MIRRORED_TEN,
    },
    "ballas2016_ucf101_rnn": {
        "training": {"batch": 64, "optimiser": "adamw", "clip_norm": None},
        "head.init_args": {"levels": [], "vector": True, "hidden": [512], "dropout": 0.7},
        "clips.init_args": {"frames": 10},
    },
    "ballas2016_ucf101_vgg16": {
        "training": SGD
        | {"batch": 256, "rate": 0.01, "milestones": [14000], "steps": 20000, "clip_norm": None},
        "head.init_args": {"dropout": 0.9},
        "encoder.init_args.backbone.init_args": {
            "vector": "fc7", "weights": "imagenet", "channels": 3,
        },
        "views.init_args": {"frames": 1, "clips": 25},
    },
    "ballas2016_ucf101_vgg16_flow": {
        "training": SGD
        | {"batch": 256, "rate": 0.01, "milestones": [14000], "steps": 20000, "clip_norm": None},
        "encoder.init_args.input.init_args": {"length": 10, "subtract_mean": True},
        "encoder.init_args.backbone.init_args": {"weights": "imagenet", "channels": 20},
        "views.init_args": {"frames": 10, "clips": 25},
    },
    # The solver of the authors' example on UCF-101; sizes from montes2016_baccouche2011.
    "tran2015_ucf101": {
        "training": SGD
        | {"batch": 30, "rate": 0.003, "weight_decay": 0.005, "staircase": [0.1, 20000]}
        | {"steps": 60000, "clip_norm": None},
        "head.init_args": {"dropout": 0.5},
        "encoder.init_args.input.init_args": {"colour": BGR, "deviation": [1, 1, 1], "scale": 255},
        "encoder.init_args.backbone.init_args": {"size": "published", "dropout": 0.5},
        "clips.init_args": {"frames": 16, "stride": 1},
        "crop.init_args": {"size": 112, "mirror": 0.5},
    },
    # Fact sheet montes2016_baccouche2011, part 1.
    "montes2016_activitynet": {
        "training": {
            "optimiser": "rmsprop", "rate": 0.00001, "batch": 256, "clip_norm": None, "warmup": 0,
        },
        "head": {"hidden": 512, "layers": 1, "dropout": 0.5, "background": 0.3},
        "streams": {"window": 20, "reset": "epoch", "left_over": "discard", "shuffle": False},
        "": {"frames": 16, "size": [112, 112]},
    },
    # Fact sheet montes2016_baccouche2011, part 2.
    "baccouche2011_ut_interaction_convnet": {
        "head.init_args": {"hidden": 50}, "clips.init_args": {"frames": 9}, "": {"size": [34, 54]},
    },
    "baccouche2011_ut_interaction_lstm": {
        "head.init_args": {"hidden": 50}, "rates": {"encoder": 0}, "": {"size": [34, 54]},
    },
    # Fact sheet mobahi2009, section (d) and the algorithm; its rate and margin are unknown.
    "mobahi2009_coil20": {
        "training": {
            "optimiser": "sgd", "momentum": 0, "clip_norm": None, "staircase": [1, 1], "warmup": 0,
        },
        "coherence": {"weight": 1},
        "encoder.init_args.backbone.init_args": {"activation": "tanh", "norm": "none"},
    },
    # Fact sheet patraucean2015, sections (a), (b) and (d).
    "patraucean2015_movingmnist": {
        "training": {
            "optimiser": "rmsprop", "rate": 0.0001, "steps": 30000, "clip_value": 50,
            "clip_norm": None, "staircase": [round(0.5 ** (1 / 50), 4), 20000],
        },
        "objective.init_args": {"warps": "features", "smoothness": 0.01, "delta": 0.001},
        "objective.init_args.encoder.init_args": {
            "hidden": 45, "kernel": 7, "bound": 0.08, "flow_kernel": 15,
        },
        "data": {"frames": 20, "canvas": 64, "digits": 2},
    },
    "patraucean2015_digits": {"objective.init_args": {"warps": "features"}},
    # Fact sheet srivastava2015, sections (a) to (d).
    "srivastava2015_movingmnist": {
        "training": SGD
        | {"rate": 0.0001, "weight_decay": 0.0001, "batch": 80, "staircase": [0.9, 10000]}
        | {"clip_update": 0.0001, "clip_norm": None},
        "objective.init_args": {
            "reconstruct": True, "future": 10, "conditional_future": True, "loss": "cross_entropy",
            "own": {"share": 0, "ramp": 0},
        },
        "objective.init_args.encoder.init_args": {
            "hidden": 2048, "layers": 2, "bound": 0.01, "peepholes": True,
        },
        "data": {"kind": "bouncing", "frames": 20, "digits": 2, "canvas": 64, "step": 0.1},
    },
    "srivastava2015_digits": {"data": {"frames": 20, "digits": 2, "step": 0.1}},
}  # fmt: skip


def settings_of(recipe: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(recipe.read_text()))


def at(settings: dict[str, Any], path: str) -> dict[str, Any]:
    """The part of a recipe at a dotted path; the recipe itself for an empty one."""
    for name in path.split(".") if path else ():
        settings = settings[name]
    return settings


def test_every_paper_recipe_has_its_sheet() -> None:
    assert sorted(SHEETS) == [path.stem for path in PAPERS]


@pytest.mark.parametrize("name", sorted(SHEETS))
def test_a_recipe_has_the_figures_of_its_sheet(name: str) -> None:
    settings = settings_of(RECIPES / f"{name}.yaml")
    for path, figures in SHEETS[name].items():
        part = at(settings, path)
        assert {key: part[key] for key in figures} == figures, path
        if path == "rates":
            assert part == figures


def unstated(settings: object) -> Iterator[str]:
    """The arguments of the classes in a recipe that it leaves to their defaults."""
    if not isinstance(settings, dict):
        return
    if "class_path" in settings:
        module, _, name = settings["class_path"].rpartition(".")
        made = getattr(import_module(module), name)
        arguments = inspect.signature(made).parameters
        stated = settings.get("init_args", {})
        yield from (f"{name}.{each}" for each in set(arguments) - GIVEN - set(stated))
        yield from (f"{name}.{each}" for each in ("input",) if stated.get(each, "") is None)
    for value in settings.values():
        yield from unstated(value)


@pytest.mark.parametrize("recipe", PAPERS, ids=lambda path: path.stem)
def test_no_setting_of_a_paper_is_left_to_a_default(recipe: Path) -> None:
    settings = settings_of(recipe)
    assert not list(unstated(settings))
    training = {field.name for field in fields(Training)} - OF_THE_MACHINE
    if settings["training"].get("optimiser") in ("adamw", "rmsprop"):
        training -= {"momentum"}  # they have none
    assert training <= set(settings["training"])
    if "clips" in settings:
        assert set(settings) >= EVERY_FINETUNE
    if "data" in settings:
        assert "augment" in settings


def test_defaults_that_a_test_could_miss_are_found() -> None:
    settings = settings_of(RECIPES / "simonyan2014_ucf101_temporal.yaml")
    del settings["encoder"]["init_args"]["backbone"]["init_args"]["dropout"]
    assert list(unstated(settings)) == ["CNNM2048.dropout"]
    assert next(f for f in fields(Training) if f.name == "clip_norm").default is not MISSING


def model(backbone: Backbone, **head: Any) -> Classifier:
    encoder = FrameEncoder(backbone)
    return Classifier(encoder, Average(encoder.widths, 101, **head))


def test_biases_of_donahue_learn_twice_as_fast_and_do_not_decay() -> None:
    settings = settings_of(RECIPES / "donahue2015_ucf101_single_frame.yaml")
    with torch.device("meta"):  # no memory for 60 million weights
        backbone = HybridCaffeNet("fc7")
    network = model(backbone)
    rates = Rates(settings["rates"])
    rates.check(network)
    training = Training(**settings["training"])
    optimiser = make_optimiser(network, training, rates)
    names = {id(weight): name for name, weight in network.named_parameters()}
    found = {
        names[id(weight)]: (group["lr"], group["weight_decay"])
        for group in optimiser.param_groups
        for weight in group["params"]
    }
    first = "encoder.backbone.network.features.0"
    assert found.pop("head.last.weight") == pytest.approx((0.01, 0.005))
    assert found.pop("head.last.bias") == pytest.approx((0.02, 0.0))
    assert found[f"{first}.weight"] == pytest.approx((0.001, 0.005))
    assert all(
        figures == pytest.approx((0.002, 0.0) if name.endswith("bias") else (0.001, 0.005))
        for name, figures in found.items()
    )


def test_the_last_layer_alone_is_trained_with_the_dropout_of_the_sheet() -> None:
    note = read_header(RECIPES / "simonyan2014_ucf101_spatial.yaml").fields["Note"]
    words = shlex.split(note.partition("72.7 %: ")[2].partition(". 72.8 %")[0])
    options = dict(zip(words[::2], words[1::2], strict=True))
    assert options["--encoder.backbone.weights"] == "FILE"
    assert (options["--training.steps"], options["--training.milestones"]) == ("20000", "[14000]")
    with torch.device("meta"):
        backbone = CNNM2048(dropout=0.9)
    network = model(backbone, dropout=float(options["--head.dropout"]))
    Rates(yaml.safe_load(options["--rates"])).freeze(network)
    freeze_statistics(network.train())
    active = [m.p for m in network.modules() if isinstance(m, nn.Dropout) and m.training and m.p]
    assert active == [0.5]
    assert {n for n, w in network.named_parameters() if w.requires_grad} == {
        "head.last.weight", "head.last.bias",
    }  # fmt: skip
