"""Recipes: found by path or bare name, and looked at before jsonargparse reads them."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

from selfvid.errors import InputError
from selfvid.saving.former import current_recipe


def with_recipe_paths(words: list[str], settings: Collection[str]) -> list[str]:
    """The words with the recipe behind ``--config`` made a path, or text with today's names.

    Args:
        words: of the command line.
        settings: names that a recipe may set.

    Raises:
        InputError: where there is no such recipe, or it is none of this command.
    """

    def checked(name: str) -> str:
        return _checked_recipe(find_recipe(name), settings)

    found = []
    for before, word in zip(["", *words], words, strict=False):
        if before == "--config":
            found.append(checked(word))
        elif word.startswith("--config="):
            found.append(f"--config={checked(word.removeprefix('--config='))}")
        else:
            found.append(word)
    return found


def _checked_recipe(path: Path, settings: Collection[str]) -> str:
    """The path, or the recipe as text where it uses names of an earlier version.

    Raises:
        InputError: unless it is YAML that names some of `settings` and no others.
    """
    import yaml

    try:
        with path.open(encoding="utf-8") as text:
            recipe = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise InputError(f"recipe {str(path)!r} is no YAML: {error}") from error
    if not isinstance(recipe, dict):
        raise InputError(f"recipe {str(path)!r} holds {recipe!r}; expected settings and values")
    current = current_recipe(recipe)
    for key in current:
        name = str(key).partition(".")[0]
        if name not in settings:
            near = get_close_matches(name, settings, n=1) or [", ".join(settings)]
            raise InputError(
                f"option {name!r} is unknown in recipe {str(path)!r}; expected {near[0]}"
            )
    return str(path) if current == recipe else yaml.safe_dump(current, sort_keys=False)


def find_recipe(name: str) -> Path:
    """The recipe file called `name`: a path, or the bare name of one that comes along.

    Raises:
        InputError: where there is none, with the names of those there are.
    """
    given = Path(name)
    if given.is_file():
        return given
    here = Path(__file__).parents[1]
    # In a wheel the recipes lie in the package, in a checkout beside it.
    folders = [here / "recipes", here.parent / "recipes"]
    shipped = {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}
    if given.stem in shipped and given.parent == Path():
        return shipped[given.stem]
    raise InputError(
        f"recipe {name!r} is no file; expected one, or one of {', '.join(sorted(shipped))}"
    )
