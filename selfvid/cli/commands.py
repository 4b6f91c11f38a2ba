"""The command line: finds a command, hands its function to jsonargparse, speaks in one line.

Only the chosen command's module is imported, so that help is instant.
"""

from __future__ import annotations

import inspect
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from itertools import zip_longest
from pathlib import Path
from typing import Any

from selfvid import __version__
from selfvid.cli.nulls import with_nulls, without_deep_nulls
from selfvid.cli.recipes import with_recipe_paths
from selfvid.errors import InputError

USER_ERROR, OUR_ERROR, INTERRUPTED = 2, 1, 130


@dataclass(frozen=True)
class Command:
    """One word of the command line, or two.

    Attributes:
        function: dotted path of the function it calls.
        words: what it is for, in one line.
        example: how it is called.
        positional: whether required arguments are given by place instead of by name.
        recipe: whether it reads a recipe.
        several: name of the argument that takes several paths by place, if one does.
    """

    function: str
    words: str
    example: str
    positional: bool = True
    recipe: bool = False
    several: str = ""


COMMANDS = {
    "demo": Command(
        "selfvid.demo.demo",
        "the whole story on generated footage, in minutes, without a download",
        "selfvid demo",
    ),
    "index": Command(
        "selfvid.data.indexing.command.index",
        "look at every video once and say what is broken",
        "selfvid index FOLDER -o footage.csv",
    ),
    "flow": Command(
        "selfvid.data.flow.command.compute_flow",
        "optical flow of every video, computed once",
        "selfvid flow footage.csv -o flow",
    ),
    "pretrain": Command(
        "selfvid.pretraining.command.pretrain",
        "learn an encoder from footage nobody labelled",
        "selfvid pretrain --config coherence --data footage.csv --out runs/first",
        positional=False,
        recipe=True,
    ),
    "probe": Command(
        "selfvid.probing.command.probe",
        "linear probe, kNN and label curve, with their baselines beside them",
        "selfvid probe runs/first labelled.csv",
    ),
    "finetune": Command(
        "selfvid.finetuning.command.finetune",
        "any head on any encoder, trained with labels and tested on whole videos",
        "selfvid finetune --config lrcn --data labelled.csv --init runs/first --out runs/lrcn",
        positional=False,
        recipe=True,
    ),
    "forecast": Command(
        "selfvid.forecasting.command.forecast",
        "how well a run predicts frames, beside guesses that need no network",
        "selfvid forecast runs/first",
    ),
    "fuse": Command(
        "selfvid.comparing.fuse.command.fuse",
        "one verdict from several runs: average, weights or SVM on their scores",
        "selfvid fuse runs/rgb runs/flow -o runs/fused",
        several="runs",
    ),
    "compare": Command(
        "selfvid.comparing.command.compare",
        "one run against another on the same videos, over all and class by class",
        "selfvid compare runs/a runs/b",
    ),
    "detect train": Command(
        "selfvid.detecting.train.detect_train",
        "a detector of activities in untrimmed videos, on any encoder",
        "selfvid detect train --encoder runs/first --annotations activities.csv --out runs/detect",
        positional=False,
        recipe=True,
    ),
    "detect run": Command(
        "selfvid.detecting.run.detect_run",
        "when which activity goes on in new videos, of any length",
        "selfvid detect run runs/detect VIDEO... -o found",
        several="videos",
    ),
    "detect eval": Command(
        "selfvid.detecting.evaluate.detect_eval",
        "what a detector finds in its test videos, beside guesses that see none",
        "selfvid detect eval runs/detect",
    ),
    "embed": Command(
        "selfvid.features.embed.embed",
        "features of videos to a file",
        "selfvid embed runs/first FOLDER -o features.parquet",
    ),
    "export": Command(
        "selfvid.export.export",
        "the encoder as ONNX, torch.export program, plain weights or a folder of its own",
        "selfvid export runs/first --format onnx",
    ),
    "report": Command(
        "selfvid.reports.page.report",
        "one HTML page with everything a run left",
        "selfvid report runs/first",
    ),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0, 2 for a user's error, 1 for ours, 130 when interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("selfvid").setLevel(logging.INFO)
    try:
        sys.exit(_run(words))
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exc()
        sys.exit(_say(error, debug=debug))


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return 0
    if words[0] == "--version":
        print(f"selfvid {__version__}")
        return 0
    family = _family(words[0])
    if family and words[1:] in ([], ["-h"], ["--help"]):
        print(_help(words[0]))
        return 0
    parts = 2 if family else 1
    name, rest = " ".join(words[:parts]), words[parts:]
    if name not in COMMANDS:
        known = family or list(dict.fromkeys(each.split()[0] for each in COMMANDS))
        near = get_close_matches(name, known, n=1)
        meant = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
        raise InputError(f"command {name!r} is unknown; {meant}")
    # Libraries warn those who call them; a user of the command line did not.
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    import warnings

    warnings.simplefilter("ignore")
    command = COMMANDS[name]
    function = _find(command.function)
    function(**_parse(name, command, function, rest))
    return 0


def _family(word: str) -> list[str]:
    """The commands of two words that begin with this one."""
    return [name for name in COMMANDS if name.startswith(f"{word} ")]


def _find(path: str) -> Callable[..., Any]:
    module, _, name = path.rpartition(".")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


def _parse(
    name: str, command: Command, function: Callable[..., Any], words: list[str]
) -> dict[str, Any]:
    """Arguments for `function`, with the objects that a recipe names already made."""
    from jsonargparse import ArgumentError, ArgumentParser

    from selfvid.cli.messages import one_line

    parser = ArgumentParser(
        prog=f"selfvid {name}",
        description=f"Example: {command.example}",
        exit_on_error=False,
    )
    if command.recipe:
        parser.add_argument("--config", action="config", help="recipe: a file, or a bare name")
        words = with_recipe_paths(words, inspect.signature(function).parameters)
    by_hand: set[str | int] = {command.several} if command.several else set()
    parser.add_function_arguments(function, as_positional=command.positional, skip=by_hand)
    if command.several:
        several = f"{command.several}, one after another"
        parser.add_argument(command.several, type=Path, nargs="+", help=several)
    words, nulls = without_deep_nulls(_spelt_out(words, function))
    try:
        settings = parser.parse_args(words)
        if nulls:
            plain = settings.as_dict()
            plain.pop("config", None)
            settings = parser.parse_object(with_nulls(plain, nulls))
        if "seed" in settings:
            # Weights are drawn when the recipe's objects are made, which is next.
            import torch

            torch.manual_seed(settings["seed"])
        made = parser.instantiate(settings)
    except (ArgumentError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        options = parser.get_defaults().keys()
        complaint = one_line(str(error), options=options, example=command.example)
        raise InputError(complaint) from error
    return {key: value for key, value in vars(made).items() if key != "config"}


def _spelt_out(words: list[str], function: Callable[..., Any]) -> list[str]:
    """The words with -o made long, and a bare switch such as --resume made true."""
    parameters = inspect.signature(function).parameters
    names = {"-o": "--out"}
    switches = {
        f"--{name}" for name, parameter in parameters.items() if isinstance(parameter.default, bool)
    }
    spelt = []
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        bare = word in switches and following.lower() not in ("true", "false")
        spelt.append(f"{word}=true" if bare else names.get(word, word))
    return spelt


def _help(family: str = "") -> str:
    """What commands there are, or those of two words that begin with `family`."""
    names = _family(family) if family else list(COMMANDS)
    width = max(map(len, names))
    lines = [f"  {name:<{width}}  {COMMANDS[name].words}" for name in names]
    return "\n".join(
        [
            f"usage: selfvid {f'{family} ' if family else ''}COMMAND ...",
            "",
            "Learn video encoders from footage nobody labelled, and measure whether that helped.",
            "",
            *lines,
            "",
            "selfvid COMMAND --help tells more; --debug shows a traceback; --version the version.",
        ]
    )


def _say(error: BaseException, *, debug: bool) -> int:
    """Print one line about `error`; the exit code that goes with it."""
    line = " ".join(str(error).split())
    if isinstance(error, InputError):
        print(f"selfvid: {line}", file=sys.stderr)
        return USER_ERROR
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Interrupted":
        print(f"selfvid: {line or 'interrupted'}", file=sys.stderr)
        return INTERRUPTED
    hint = "" if debug else "; --debug shows where"
    if isinstance(error, OSError) and error.filename is not None:
        reason = (error.strerror or type(error).__name__).lower()
        print(f"selfvid: {str(error.filename)!r} cannot be used: {reason}{hint}", file=sys.stderr)
        return USER_ERROR
    print(f"selfvid: {type(error).__name__}: {line}{hint}", file=sys.stderr)
    return OUR_ERROR


if __name__ == "__main__":
    main()
