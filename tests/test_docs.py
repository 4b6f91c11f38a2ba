"""Pages of the docs agree with the code: names exist, and examples run as they stand."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
NAME = re.compile(r"`([a-z_]+(?:\.\w+)+)`")


def names_on(page: str) -> Iterator[str]:
    """Dotted names in backticks; of files and commands there are none with a dot and no blank."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return (name for name in NAME.findall(text) if not name.endswith((".py", ".yaml", ".csv")))


def found(name: str) -> object:
    """What stands at a dotted path below selfvid."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(["selfvid", *parts[:length]]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            thing = getattr(thing, part)
        return thing
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("name", sorted(set(names_on("architecture.md"))))
def test_every_name_of_the_architecture_exists(name: str) -> None:
    assert found(name) is not None


def test_a_name_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(AttributeError):
        found("objectives.vicreg.NoSuchLoss")
    with pytest.raises(ModuleNotFoundError):
        found("no_such_package.thing")
