from __future__ import annotations

import inspect

import pytest

from selfvid.cli.messages import one_line
from selfvid.data.clips.sampling import RandomClips
from tests.cli.calls import fails_in_one_line


def test_of_a_message_without_a_pattern_the_first_line_is_left() -> None:
    assert one_line("first\n   second") == "first"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ("--training.clip_norm", "much"),
            "training.clip_norm: expected float or null, got 'much'",
        ),
        (("--size", "big"), "size: expected int or a list or null, got 'big'"),
        (
            ("--training.optimiser", "adm"),
            "expected one of 'adamw', 'sgd', 'lars', 'rmsprop', got 'adm'",
        ),
        (("--training.stepz", "3"), "did you mean --training.steps?"),
        (("--sed", "3"), "did you mean --seed?"),
        (("--clips.frames", "-1"), "frames of PairedClips is -1"),
        (("--clips", "selfvid.data.clips.sampling.Nope"), "names nothing that can be imported"),
        (("--objective", "torch.nn.Linear"), "torch.nn.Linear"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], expected: str
) -> None:
    given = ("pretrain", "--config", "coherence", "--data", "d.csv", "--out", "o")
    assert expected in fails_in_one_line(capsys, *given, *words)


def test_a_misspelt_training_setting_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("pretrain", "--config", "coherence", "--data", "d", "--out", "o")
    line = fails_in_one_line(capsys, *words, "--training.stepz", "3")
    assert "stepz" in line


def test_a_missing_argument_is_named_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    line = fails_in_one_line(capsys, "index", "folder")
    assert "out must be given; for example: selfvid index FOLDER -o" in line


def test_a_missing_argument_has_an_example_or_the_class_that_needs_it() -> None:
    missing = "the following arguments are required: out"
    assert one_line(missing, example="selfvid x -o y") == (
        "out must be given; for example: selfvid x -o y"
    )
    of_class = f"Parser key \"clips\":\n  Problem with given class_path 'a.Clips':\n  {missing}"
    assert one_line(of_class, example="selfvid x") == "clips: out must be given to a.Clips"


def test_an_unknown_option_suggests_a_similar_one() -> None:
    options = ["out", "training.steps", "seed"]
    unknown = "unrecognized arguments: --{}"
    assert one_line(unknown.format("training.stepz"), options=options) == (
        "option '--training.stepz' is unknown; did you mean --training.steps?"
    )
    assert one_line(unknown.format("quality"), options=options).endswith("--help lists all options")


def test_an_unknown_argument_of_a_class_lists_those_that_the_class_takes() -> None:
    message = (
        "Problem with given class_path 'selfvid.errors.InputError':\n  Key 'colour' is not expected"
    )
    assert one_line(message).startswith("option 'colour' is unknown")
    class_path = "selfvid.data.clips.sampling.RandomClips"
    line = one_line(message.replace("selfvid.errors.InputError", class_path))
    parameters = inspect.signature(RandomClips).parameters
    assert line == f"option 'colour' is unknown; expected one of {', '.join(parameters)}"


def test_the_types_that_were_tried_are_named_with_the_value() -> None:
    message = (
        'Parser key "size":\n'
        "  Does not validate against any of the Union subtypes\n"
        "  Subtypes: [int, list, NoneType]\n"
        "  Errors:\n"
        "    - Expected a <class 'int'>\n"
        "    - Expected a <class 'list'>. Got value: big\n"
        "    - Expected a <class 'NoneType'>\n"
        "  Given value: big"
    )
    assert one_line(message) == "size: expected int or a list or null, got 'big'"
