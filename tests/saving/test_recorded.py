import json
import sys

import pytest

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.sampling import RandomClips
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput
from selfvid.errors import InputError
from selfvid.objectives.time_changes import Reversed
from selfvid.saving.recorded import Recorded, build, describe


def test_a_nested_object_is_described_as_plain_data_and_built_again() -> None:
    made = FrameEncoder(SmallNet(channels=1, stages=(8, 16)), input=DifferenceInput(deviation=0.2))
    description = json.loads(json.dumps(describe(made)))
    again = build(description)
    assert describe(again) == describe(made)
    assert again.input.deviation == 0.2
    assert [tuple(p.shape) for p in again.parameters()] == [
        tuple(p.shape) for p in made.parameters()
    ]


def test_positional_arguments_and_defaults_are_recorded() -> None:
    class Base(Recorded):
        def __init__(self, width: int, *, depth: int = 3) -> None:
            self.volume = width * depth

    class Derived(Base):
        def __init__(self, width: int) -> None:
            super().__init__(width + 1)

    assert Base(4).construction == {"width": 4, "depth": 3}
    assert Derived(4).construction == {"width": 4}


def test_a_class_without_a_constructor_has_no_arguments() -> None:
    path = "selfvid.objectives.time_changes.Reversed"
    assert describe(Reversed()) == {"class_path": path, "init_args": {}}
    assert isinstance(build(describe(Reversed())), Reversed)


def test_dataclasses_are_described_by_their_fields() -> None:
    description = describe(RandomClips(frames=4, stride=2))
    assert description["class_path"] == "selfvid.data.clips.sampling.RandomClips"
    assert build(description) == RandomClips(frames=4, stride=2)


@pytest.mark.parametrize(
    "path",
    [
        "os.system",
        "selfvid.saving.recorded.importlib.import_module",
        "selfvid.training.run_folder.subprocess.run",
        "selfvid.saving.recorded.build",
        "selfvid.errors.InputError",
        "selfvid.nothing.There",
        "selfvidious.Thing",
        7,
    ],
)
def test_a_stranger_s_description_builds_nothing_else(path: object) -> None:
    with pytest.raises(InputError, match="class path"):
        build({"class_path": path, "init_args": {}})


@pytest.mark.parametrize("arguments", [{"no_such": 1}, [5], {}])
def test_arguments_that_a_class_does_not_take_are_one_line(arguments: object) -> None:
    described = {"class_path": "selfvid.encoders.frame.FrameEncoder", "init_args": arguments}
    with pytest.raises(InputError, match="FrameEncoder"):
        build(described)


def test_no_description_starts_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["selfvid", "--version"])
    monkeypatch.delitem(sys.modules, "selfvid.__main__", raising=False)
    with pytest.raises(InputError, match="class path"):
        build({"class_path": "selfvid.__main__.Anything", "init_args": {}})


def test_classes_of_other_packages_are_built_only_where_allowed() -> None:
    description = {"class_path": f"{__name__}.Mine", "init_args": {"width": 5}}
    with pytest.raises(InputError, match="allow="):
        build(description)
    for prefix in (__name__, f"{__name__}.", "tests."):
        assert build(description, allow=[prefix]).width == 5
    with pytest.raises(InputError, match="allow="):
        build(description, allow=["saving."])


class Mine(Recorded):
    def __init__(self, width: int) -> None:
        self.width = width


def test_what_is_neither_plain_nor_recorded_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be written to a recipe"):
        describe(object())
