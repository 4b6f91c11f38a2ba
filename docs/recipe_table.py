"""Write docs/recipes.md, the table of all recipes, from the comments at the head of each one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parent
RECIPES = DOCS.parent / "recipes"
FIELDS = ("Trains", "Paper", "Data", "Run", "Expected", "Time", "Small", "Note")
REQUIRED = FIELDS[:-1]
SECTIONS = {
    "selfvid pretrain": "Pretraining without labels",
    "selfvid finetune": "Heads and networks with labels",
    "selfvid detect train": "Temporal activity detection",
}

INTRODUCTION = """\
---
hide-toc: true
---

<!-- Written by `python -m docs.recipe_table` from the comments at the head of each recipe. -->

# Recipes

A recipe is one YAML file that fully describes a run. `--config NAME` takes a recipe that comes with
`selfvid`, or the path of a file of your own. Every setting of a recipe can be changed on the
command line, for example `--training.steps 500`. Each file begins with the command that runs it,
and with options that shrink it to a test of a few seconds.

"Measured" figures were measured with this toolkit; the [results](results/index.md) give their data,
protocol, seeds, hardware and commands. "In the paper" figures were published by the authors of the
method. Brackets hold 95 % intervals. Times are for one thread of the machine that the results name.
"""


@dataclass(frozen=True)
class RecipeHeader:
    """The comments at the head of a recipe.

    Attributes:
        name: of the recipe, without ending.
        fields: text by name of the field, see `FIELDS`. The lines of ``Run`` are kept apart, the
            lines of all other fields are joined.
    """

    name: str
    fields: dict[str, str]

    @property
    def small(self) -> list[str]:
        """Options under which the recipe makes one small step."""
        return self.fields["Small"].split()


def read_header(recipe: Path) -> RecipeHeader:
    """Read the comments of a recipe: lines ``# Field: text``, continued by lines ``#   text``.

    Raises:
        ValueError: If a required field is missing, or a line belongs to no field.
    """
    fields: dict[str, str] = {}
    current = ""
    for line in recipe.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        name, colon, text = line.removeprefix("# ").partition(": ")
        if colon and name in FIELDS:
            current, fields[name] = name, text
        elif current and line.startswith("#   "):
            fields[current] += ("\n" if current == "Run" else " ") + line.removeprefix("#   ")
        else:
            raise ValueError(f"{recipe.name}: {line!r} belongs to no field of {', '.join(FIELDS)}")
    missing = [name for name in REQUIRED if name not in fields]
    if missing:
        raise ValueError(f"{recipe.name} has no {', '.join(missing)} in its header")
    return RecipeHeader(recipe.stem, fields)


def all_headers() -> list[RecipeHeader]:
    """Return the headers of all recipes, in the order of their names."""
    return [read_header(path) for path in sorted(RECIPES.glob("*.yaml"))]


def table(headers: list[RecipeHeader]) -> str:
    """Return the page: a section for each command, with a table of its recipes."""
    lines = [INTRODUCTION]
    for command, title in SECTIONS.items():
        lines += [f"## {title}", "", f"Recipes of `{command} --config NAME`.", ""]
        lines += ["| recipe | trains; data | expected figure; time and hardware |", "|---|---|---|"]
        for header in headers:
            if f"{command} --config {header.name} " in header.fields["Run"]:
                lines.append(row(header))
        lines.append("")
    return "\n".join(lines)


def row(header: RecipeHeader) -> str:
    """Return the row of a recipe."""
    trains, paper, data, expected, time = (
        header.fields[name][0].upper() + header.fields[name][1:]
        for name in ("Trains", "Paper", "Data", "Expected", "Time")
    )
    what = f"{trains}<br>*{paper}*<br>**Data:** {data}"
    return f"| `{header.name}` | {what} | {expected}<br>**Time:** {time} |"


def main() -> None:
    """Write the page."""
    (DOCS / "recipes.md").write_text(table(all_headers()), encoding="utf-8")


if __name__ == "__main__":
    main()
