"""Which classes a recipe or an option may name, decided before anything is imported.

Importing a module executes it. A recipe may come from a stranger, so that it may only name classes
of selfvid, torch and torchvision, and those that the user allows by ``--allow``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from selfvid.errors import InputError
from selfvid.saving.plain_data import plain_yaml

TRUSTED = ("selfvid", "torch", "torchvision")
HELP = "packages or modules, such as my_package, whose classes the recipe may name too"


def without_allowed(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate the options ``--allow`` from the other words of the command line.

    Returns:
        The other words, and the prefixes of class paths, each ending with a dot.

    Raises:
        InputError: If an option has no value, or one that is no dotted name.
    """
    others: list[str] = []
    allowed: list[str] = []
    following = iter(words)
    for word in following:
        option, equals, value = word.partition("=")
        if option != "--allow":
            others.append(word)
            continue
        plain = plain_yaml(value if equals else next(following, ""), what="option --allow")
        for name in plain if isinstance(plain, list) else [plain]:
            parts = str(name).removesuffix(".").split(".")
            if not all(part.isidentifier() for part in parts):
                raise InputError(f"allow is {name!r}; expected a package such as my_package")
            allowed.append(".".join(parts) + ".")
    return others, allowed


def as_option(allowed: Sequence[str]) -> list[str]:
    """Return the option that a command with a parameter `allow` takes, if anything is allowed."""
    return [f"--allow={json.dumps(list(allowed))}"] if allowed else []


@contextmanager
def restricted_imports(allowed: Sequence[str]) -> Iterator[None]:
    """Context manager in which parsed values name only trusted and `allowed` classes.

    What is allowed is also found in the current folder, but only if it is nowhere else: no file
    there takes the place of an installed module.
    """
    from jsonargparse import set_parsing_settings

    names = [name.removesuffix(".") for name in allowed]
    set_parsing_settings(import_path_denylist=["*"], import_path_allowlist=[*TRUSTED, *names])
    if names and not {"", "."} & set(sys.path):
        sys.path.append("")
    try:
        yield
    finally:
        set_parsing_settings(import_path_denylist=[name for name in names if name not in TRUSTED])
