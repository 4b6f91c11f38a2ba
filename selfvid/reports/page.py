"""`selfvid report`: write one self-contained HTML page about a run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from selfvid import __version__
from selfvid.errors import InputError
from selfvid.reports.evaluated import evaluated
from selfvid.reports.forecasted import forecasted
from selfvid.reports.probed import probed
from selfvid.reports.run import RunReader
from selfvid.reports.sections import Evaluated, Forecasted, Image, Page, Probed, Table
from selfvid.reports.trained import checked_summary, exported, footage, trained
from selfvid.saving.plain_data import plain_yaml
from selfvid.saving.whole import write_whole

Settings = dict[str, Any]
"""The content of recipe.yaml."""


def report(run: Path | str, *, out: Path | str | None = None, quiet: bool = False) -> Path:
    """Write one HTML page with all results of a run; it needs no network and no other file.

    There is a section for each kind of file in the run. A damaged file becomes a visible note.

    Args:
        run: the run's folder.
        out: the HTML file to write; by default report.html in the run.
        quiet: print nothing.

    Returns:
        The path of the page.

    Raises:
        InputError: If `run` is not a run, or the page cannot be written.
    """
    run = Path(run)
    page = read_page(run)
    out = run / "report.html" if out is None else Path(out)
    if out.is_dir():
        raise InputError(f"out {str(out)!r} is a folder; expected the name of an HTML file")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, rendered(page))
    if not quiet:
        print(f"report: {out}")
    return out


def read_page(run: Path) -> Page:
    """Read everything that the page shows.

    Raises:
        InputError: If `run` is not a run.
    """
    reader = RunReader(run)
    own = reader.section("result.json", partial(evaluated, picture=reader.picture))
    result = reader.section("probe/result.json", probed)
    sections = (_forecast(reader, folder) for folder in ("forecast", "reconstruction"))
    forecasts = tuple(each for each in sections if each is not None)
    summary = reader.section("summary.json", checked_summary)
    training = trained(summary, reader.history())
    previews = tuple(
        Image.from_png(data, f"Preview {name}.", caption=name) for name, data in reader.pictures()
    )
    recipe = reader.text("recipe.yaml")
    settings = _settings(recipe)
    return Page(
        name=run.resolve().name,
        evaluated=own,
        probed=result,
        forecasts=forecasts,
        trained=training,
        footage=() if summary is None else footage(summary),
        previews=previews,
        exports=_exports(reader),
        recipe=recipe,
        unknown=_unknown(settings),
        commands=_commands(run, settings, result, forecasts) if own is None else _repeat(own),
        notes=tuple(reader.notes),
        version=__version__,
    )


def rendered(page: Page) -> str:
    """Return the page as HTML; every text is escaped, because labels and paths may be hostile."""
    environment = Environment(
        loader=PackageLoader("selfvid.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(page=page)


def _forecast(reader: RunReader, folder: str) -> Forecasted | None:
    """Return the section about a forecast or a reconstruction, if the run has one."""
    return reader.section(
        f"{folder}/result.json",
        partial(
            forecasted,
            title=folder.capitalize(),
            picture=lambda name: reader.picture(f"{folder}/{Path(name).name}"),
        ),
    )


def _exports(reader: RunReader) -> Table | None:
    """Return a table with a row for each export of the run, if there are any."""
    tables = []
    for path in sorted((reader.folder / "export").glob("*/encoder.json")):
        name = path.parent.name
        made = reader.section(f"export/{name}/encoder.json", partial(exported, name))
        if made is not None:
            tables.append(made)
    if not tables:
        return None
    return Table(tables[0].head, tuple(row for table in tables for row in table.rows))


def _commands(
    run: Path, settings: Settings, result: Probed | None, forecasts: Sequence[Forecasted]
) -> tuple[tuple[str, str], ...]:
    """Return commands that repeat or continue a run, each with its purpose.

    The first command is the one to run next, if the run has no result yet.
    """
    place, recipe = shlex.quote(str(run)), shlex.quote(str(run / "recipe.yaml"))
    if _text(settings, "annotations") is not None:
        again = f"selfvid detect train --config {recipe} --out NEW_FOLDER"
        return (
            ("evaluate the detector", f"selfvid detect eval {place}"),
            ("train the detector again", again),
        )
    data, flow = shlex.quote(_text(settings, "data") or "MANIFEST"), _text(settings, "flow")
    probe = f"selfvid probe {place} {data}" + (f" --flow {shlex.quote(flow)}" if flow else "")
    again = f"selfvid pretrain --config {recipe} --out NEW_FOLDER"
    following = (
        *((f"repeat the {each.title.lower()}", each.command) for each in forecasts),
        ("repeat the pretraining", again),
        ("export the encoder", f"selfvid export {place} --format onnx"),
    )
    if result is None:
        return (("probe the encoder", probe), *following)
    return (("repeat the probe", result.command or probe), *following)


def _unknown(settings: Settings) -> str:
    """Return what is not known about a run that has no result."""
    if _text(settings, "annotations") is not None:
        return "How well the detector finds activities is not known yet."
    return "Whether pretraining helped is not known yet."


def _repeat(own: Evaluated) -> tuple[tuple[str, str], ...]:
    """Return the command that made the result in the folder itself."""
    return (("repeat the evaluation", own.command),)


def _settings(recipe: str) -> Settings:
    """Return the settings in a recipe; none if it is damaged."""
    try:
        plain: Any = plain_yaml(recipe, what="recipe")
    except InputError:
        return {}
    return plain if isinstance(plain, dict) else {}


def _text(settings: Settings, key: str) -> str | None:
    """Return the text of a setting; None if it is missing or not a text."""
    value = settings.get(key)
    return value if isinstance(value, str) else None
