from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from selfvid.cli.commands import main
from selfvid.cli.nulls import with_nulls, without_deep_nulls
from selfvid.errors import InputError


def test_only_deep_options_that_are_null_are_taken_out() -> None:
    words = ["--clips", "null", "--head.bound", "null", "--a.b.c", "3", "--a.b.c=null", "--x.y.z"]
    kept, nulls = without_deep_nulls([*words, "~", "--a.init_args.b", "null", "--p.q.r=4"])
    assert kept == [
        "--clips", "null", "--head.bound", "null", "--a.b.c", "3",
        "--a.init_args.b", "null", "--p.q.r=4",
    ]  # fmt: skip
    assert nulls == ["--a.b.c", "--x.y.z"]


WORDS = [
    "pretrain", "--config", "patraucean2015_digits", "--training.steps", "1", "--training.warmup",
    "0", "--training.batch", "2", "--data.canvas", "32", "--data.frames", "4",
]  # fmt: skip


@pytest.mark.parametrize(
    "option",
    ["--objective.encoder.flow_kernel", "--objective.init_args.encoder.init_args.flow_kernel"],
)
def test_an_option_deep_in_a_recipe_can_be_null(option: str, tmp_path: Path) -> None:
    words = [*WORDS, "--objective.warps", "nothing", option, "null"]
    with pytest.raises(SystemExit) as left:
        main([*words, "--out", str(tmp_path / "run")])
    assert left.value.code == 0
    recipe = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())
    encoder = recipe["objective"]["init_args"]["encoder"]["init_args"]
    assert encoder["flow_kernel"] is None


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        (
            "--objective.encoder.hidden",
            "option '--objective.encoder.hidden' is null; expected a value",
        ),
        ("--objective.encoder.colour", "option '--objective.encoder.colour' is unknown"),
    ],
)
def test_null_for_an_option_that_needs_a_value_is_one_line(
    option: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([*WORDS, option, "null", "--out", str(tmp_path / "run")])
    assert left.value.code == 2
    line = capsys.readouterr().err.strip()
    assert complaint in line
    assert "\n" not in line


class Inner:
    def __init__(self, width: int, kernel: int | None = 3) -> None: ...


def settings() -> dict[str, Any]:
    inner = {"class_path": f"{__name__}.Inner", "init_args": {"width": 2, "kernel": 3}}
    return {"head": {"class_path": "a.Head", "init_args": {"encoder": inner}}, "seed": 1}


def test_only_the_named_option_becomes_none() -> None:
    changed = with_nulls(settings(), ["--head.encoder.kernel"])
    expected = settings()
    expected["head"]["init_args"]["encoder"]["init_args"]["kernel"] = None
    assert changed == expected


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("--head.encoder.width", "is null; expected a value"),
        ("--head.encoder.colour", "is unknown; expected one that the recipe has"),
        ("--head.nothing.kernel", "is unknown; expected one that the recipe has"),
    ],
)
def test_a_wrong_option_changes_nothing(option: str, complaint: str) -> None:
    with pytest.raises(InputError, match=f"option '{option}' {complaint}"):
        with_nulls(settings(), [option])
