"""The report: one self-contained HTML page about a run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from selfvid import __version__
from selfvid.errors import InputError
from selfvid.reports.evaluated import evaluated
from selfvid.reports.forecasted import forecasted
from selfvid.reports.probed import probed
from selfvid.reports.run import RunReader
from selfvid.reports.sections import Evaluated, Forecasted, Image, Page, Probed, Table
from selfvid.reports.trained import checked_summary, exported, footage, trained
from selfvid.saving.whole import write_whole

Settings = dict[str, Any]


def report(run: Path, *, out: Path | None = None, quiet: bool = False) -> Path:
    """Write one HTML page with everything to look at; it needs no network and no other file.

    Sections stand for what the run has; a damaged file becomes a visible note.

    Args:
        run: the run's folder.
        out: the page; by default report.html in the run.
        quiet: print nothing.

    Returns:
        The page's path.

    Raises:
        InputError: where `run` is no run, or the page cannot be written there.
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
    """Everything that the page shows.

    Raises:
        InputError: where `run` is no run.
    """
    reader = RunReader(run)
    own = reader.section("result.json", partial(evaluated, picture=reader.picture))
    result = reader.section("probe/result.json", probed)
    found = (_forecast(reader, folder) for folder in ("forecast", "reconstruction"))
    forecasts = tuple(each for each in found if each is not None)
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
    """The page as HTML; every text is escaped, since labels and paths are a stranger's."""
    environment = Environment(
        loader=PackageLoader("selfvid.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(page=page)


def _forecast(reader: RunReader, folder: str) -> Forecasted | None:
    return reader.section(
        f"{folder}/result.json",
        partial(
            forecasted,
            title=folder.capitalize(),
            picture=lambda name: reader.picture(f"{folder}/{Path(name).name}"),
        ),
    )


def _exports(reader: RunReader) -> Table | None:
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
    place, kept = shlex.quote(str(run)), shlex.quote(str(run / "recipe.yaml"))
    if _named(settings, "annotations") is not None:
        again = f"selfvid detect train --config {kept} --out NEW_FOLDER"
        return (("judge the detector", f"selfvid detect eval {place}"), ("train again", again))
    data, flow = shlex.quote(_named(settings, "data") or "MANIFEST"), _named(settings, "flow")
    probe = f"selfvid probe {place} {data}"
    again = f"selfvid pretrain --config {kept} --out NEW_FOLDER"
    following = (
        *((f"{each.title.lower()} again", each.command) for each in forecasts),
        ("pretrain again", again),
        ("hand the encoder on", f"selfvid export {place} --format onnx"),
    )
    if result is None and flow is not None:
        tuned = f"selfvid finetune --config RECIPE --data {data} --flow {shlex.quote(flow)}"
        return (("under a head", f"{tuned} --init {place} --out NEW_FOLDER"), *following)
    if result is None:
        return (("not probed yet: run this", probe), *following)
    return (("probe it again", result.command or probe), *following)


def _unknown(settings: Settings) -> str:
    """What a run without any result leaves to be known."""
    if _named(settings, "annotations") is not None:
        return "How well the detector finds activities is not known yet."
    return "Whether pretraining helped is not known yet."


def _repeat(own: Evaluated) -> tuple[tuple[str, str], ...]:
    """A folder with a result of its own has nothing to pretrain or probe."""
    return (("to have it again", own.command),)


def _settings(recipe: str) -> Settings:
    """What a recipe says; nothing where it is damaged."""
    try:
        plain: Any = yaml.safe_load(recipe)
    except yaml.YAMLError:
        return {}
    return plain if isinstance(plain, dict) else {}


def _named(settings: Settings, key: str) -> str | None:
    """The place that a recipe names under a key, or None."""
    named = settings.get(key)
    return named if isinstance(named, str) else None
