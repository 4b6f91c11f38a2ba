import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

from selfvid import __version__
from selfvid.data.manifest.manifest import Manifest
from selfvid.results.protocol import about_machine, command


def probe(
    encoder: str, videos: list[str], *, label: str, folds: int | None = None, quick: bool = False,
    sizes: tuple[int, ...] = (1, 2), names: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """A command with every kind of argument; it is never called."""


def words(**changed: object) -> list[str]:
    arguments = {
        "encoder": "runs/first", "videos": ["a.mp4", "b c.mp4"], "label": "digit",
        "folds": None, "quick": False, "sizes": (1, 2), "names": (),
    }  # fmt: skip
    return shlex.split(command("detect run", probe, arguments | changed))


def test_arguments_are_given_by_place_or_name_and_defaults_left_out() -> None:
    assert words() == [
        "selfvid", "detect", "run", "runs/first", "a.mp4", "b c.mp4", "--label", "digit",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"folds": 5}, ["--folds", "5"]),
        ({"quick": True}, ["--quick", "true"]),
        ({"sizes": (3,)}, ["--sizes", "[3]"]),
        ({"names": ("a b", "c")}, ["--names", "[a b,c]"]),
    ],
)
def test_changed_options_are_written_as_the_command_line_reads_them(
    changed: dict[str, object], expected: list[str]
) -> None:
    assert words(**changed)[-len(expected) :] == expected
    assert words(**changed)[: -len(expected)] == words()


def test_a_manifest_in_memory_has_a_stand_in_name() -> None:
    assert words(encoder=Manifest((), Path()))[3] == "MANIFEST"


def test_versions_and_hardware_are_those_of_this_process() -> None:
    found = about_machine(torch.device("cpu"))
    assert found["versions"]["selfvid"] == __version__
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["numpy"] == np.__version__
    assert found["hardware"]["device"] == "cpu"
    assert found["hardware"]["name"]
