"""Recipes: finding them by path or name, and checking them before jsonargparse reads them."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

from selfvid.errors import InputError
from selfvid.saving.former import current_recipe
from selfvid.saving.plain_data import plain_yaml


def with_recipe_paths(words: list[str], settings: Collection[str]) -> list[str]:
    """Put recipes first, each as its path, or as its text with current names.

    The parser applies words in their order, and an option overrides a recipe wherever it stands.

    Args:
        words: the words of the command line.
        settings: the names that a recipe of this command may set.

    Raises:
        InputError: If there is no such recipe, or it is not a recipe of this command.
    """

    def checked(name: str) -> str:
        return _checked_recipe(find_recipe(name), settings)

    recipes: list[str] = []
    others: list[str] = []
    following = iter(words)
    for word in following:
        option, equals, name = word.partition("=")
        if option == "--config" and (name := name if equals else next(following, "")):
            recipes += [option, checked(name)]
        else:
            others.append(word)
    return [*recipes, *others]


def find_recipe(name: str) -> Path:
    """Return the recipe file called `name`: a path, or the name of one that comes with selfvid.

    Raises:
        InputError: If there is none; the message lists all names.
    """
    given = Path(name)
    if given.is_file():
        return given
    here = Path(__file__).parents[1]
    # In a wheel the recipes are in the package, in a checkout next to it.
    folders = [here / "recipes", here.parent / "recipes"]
    shipped = {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}
    if given.stem in shipped and given.parent == Path():
        return shipped[given.stem]
    raise InputError(
        f"recipe {name!r} is no file; expected one, or one of {', '.join(sorted(shipped))}"
    )


def _checked_recipe(path: Path, settings: Collection[str]) -> str:
    """Return the path of a recipe, or its text if it has names of an earlier version.

    Raises:
        InputError: If it is not YAML, or sets anything that is not one of `settings`.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except ValueError as error:
        raise InputError(f"recipe {str(path)!r} is no YAML: {error}") from error
    recipe = plain_yaml(text, what=f"recipe {str(path)!r}")
    if not isinstance(recipe, dict):
        raise InputError(f"recipe {str(path)!r} contains {recipe!r}; expected settings and values")
    current = current_recipe(recipe)
    for key in current:
        name = str(key).partition(".")[0]
        if name not in settings:
            near = get_close_matches(name, settings, n=1) or [", ".join(settings)]
            raise InputError(
                f"option {name!r} is unknown in recipe {str(path)!r}; expected {near[0]}"
            )
    return str(path) if current == recipe else yaml.safe_dump(current, sort_keys=False)
