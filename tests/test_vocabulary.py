"""All commands speak one vocabulary: an option of one name has one type and one default."""

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from selfvid.cli.commands import COMMANDS
from selfvid.compute import Device, Precision
from selfvid.data.video.decode import DecoderName

TRAINING = {"pretrain", "finetune", "detect train"}
# Types, without None, and defaults; ... where the default is the command's own.
OPTIONS: dict[str, tuple[Any, Any]] = {
    "device": (Device, "auto"),
    "precision": (Precision, ...),
    "decoder": (DecoderName, "auto"),
    "workers": (int, None),
    "seed": (int, 0),
    "quiet": (bool, False),
    "resume": (bool, False),
    "fresh": (bool, False),
    "out": (Path | str, ...),
    "allow": (list[str], None),
}


def function_of(command: str) -> Callable[..., Any]:
    module, _, name = COMMANDS[command].function.rpartition(".")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


def without_none(hint: Any) -> Any:
    parts = getattr(hint, "__args__", ())
    if type(None) not in parts:
        return hint
    kept = [part for part in parts if part is not type(None)]
    union = kept[0]
    for part in kept[1:]:
        union = union | part
    return union


@pytest.mark.parametrize("command", COMMANDS)
def test_options_of_one_name_mean_one_thing(command: str) -> None:
    function = function_of(command)
    hints = get_type_hints(function)
    for name, parameter in inspect.signature(function).parameters.items():
        if name in OPTIONS:
            expected, default = OPTIONS[name]
            assert without_none(hints[name]) == expected, name
            if default is not ...:
                assert parameter.default == default, name


@pytest.mark.parametrize("command", COMMANDS)
def test_paths_are_paths_or_texts(command: str) -> None:
    for name, hint in get_type_hints(function_of(command)).items():
        parts = set(getattr(hint, "__args__", (hint,)))
        if Path in parts and name != "return":
            assert str in parts, name


@pytest.mark.parametrize("command", COMMANDS)
def test_what_writes_writes_to_out(command: str) -> None:
    names = set(inspect.signature(function_of(command)).parameters)
    assert not names & {"output", "folder", "destination", "accelerator", "n_workers", "verbose"}
    assert "out" in names


@pytest.mark.parametrize("command", sorted(TRAINING))
def test_training_commands_share_their_options(command: str) -> None:
    names = set(inspect.signature(function_of(command)).parameters)
    assert {"device", "precision", "seed", "resume", "quiet", "training"} <= names
    precision = inspect.signature(function_of(command)).parameters["precision"]
    assert precision.default == "auto"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_described(command: str) -> None:
    function = function_of(command)
    text = inspect.getdoc(function) or ""
    for name in inspect.signature(function).parameters:
        assert f"\n    {name}: " in text, name
