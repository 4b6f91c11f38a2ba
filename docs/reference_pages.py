"""Write docs/reference/: a page of the API for each folder of the package."""

from __future__ import annotations

import ast
from pathlib import Path

import selfvid

PACKAGE = Path(selfvid.__file__).parent

INDEX = """\
# API reference

[One page](front_door.md) lists everything that `from selfvid import …` gives. The other pages
follow the folders of the package and document its modules. Signatures, shapes and exceptions come
from the docstrings. Letters in shapes are explained in
[the architecture](../architecture.md#contracts).

```{{toctree}}
:maxdepth: 1

front_door
{pages}
```
"""


def write_pages(folder: Path) -> None:
    """Write the pages of all packages, and an index of them, to `folder`."""
    folder.mkdir(exist_ok=True)
    pages = {"front_door": front_door()}
    for package in packages():
        name = ".".join(package.relative_to(PACKAGE).parts) or "modules"
        modules = [path for path in sorted(package.glob("*.py")) if _documented(path)]
        if modules:
            pages[name] = page(name, package, modules)
    for name, text in pages.items():
        _write(folder / f"{name}.md", text)
    listed = "\n".join(name for name in pages if name != "front_door")
    _write(folder / "index.md", INDEX.format(pages=listed))


def packages() -> list[Path]:
    """Return the folders of the package, itself first."""
    return [PACKAGE, *sorted(path.parent for path in PACKAGE.rglob("*/__init__.py"))]


def page(name: str, package: Path, modules: list[Path]) -> str:
    """Return the page of a folder: the docstring of the folder, and one section for each module."""
    title = "selfvid" if name == "modules" else f"selfvid.{name}"
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text("utf-8"))) or ""
    parts = [f"# {title}", docstring if name != "modules" else ""]
    for path in modules:
        module = f"{title}.{path.stem}"
        parts += [f"## {path.stem}", f"```{{eval-rst}}\n.. automodule:: {module}\n```"]
    return "\n\n".join(part for part in parts if part) + "\n"


def front_door() -> str:
    """Return the page of the public names: where each one is documented."""
    parts = ["# Public names", "What `from selfvid import …` gives, and where it is documented."]
    rows = ["| name | documented in |", "|---|---|"]
    for name in sorted(selfvid.__all__, key=str.lower):
        thing = getattr(selfvid, name)
        module = getattr(thing, "__module__", "")
        if module.startswith("selfvid."):
            inner = module.removeprefix("selfvid.").rpartition(".")[0] or "modules"
            rows.append(f"| {{py:obj}}`{name} <{module}.{name}>` | [{module}]({inner}.md) |")
    return "\n\n".join([*parts, "\n".join(rows)]) + "\n"


def _documented(path: Path) -> bool:
    return not path.name.startswith("_")


def _write(path: Path, text: str) -> None:
    """Leave an unchanged page alone, so that a second build is short."""
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    write_pages(Path(__file__).parent / "reference")
