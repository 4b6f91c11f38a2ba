"""The command line: finds the command, parses its arguments, and prints errors in one line.

Only the module of the chosen command is imported, so that ``selfvid --help`` is fast.
"""

from __future__ import annotations

import inspect
import os
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from itertools import zip_longest
from pathlib import Path
from typing import Any

from selfvid import __version__
from selfvid.cli.imports import HELP, as_option, restricted_imports, without_allowed
from selfvid.cli.lists import with_lists
from selfvid.cli.nulls import with_nulls, without_deep_nulls
from selfvid.cli.recipes import with_recipe_paths
from selfvid.cli.terminal import escaped_output, log_to_terminal
from selfvid.errors import InputError
from selfvid.saving.full_disk import full_disk, no_room
from selfvid.saving.printable import escaped
from selfvid.signals import INTERRUPTED, Stopped, raised_signals

USER_ERROR, OUR_ERROR = 2, 1  # exit codes, as argparse and Python use them


@dataclass(frozen=True)
class Command:
    """A command, whose name is one word or two words.

    Attributes:
        function: dotted path of the function that it calls.
        words: what it does, in one line.
        example: an example of a command line.
        positional: whether required arguments are positional; otherwise they are options.
        recipe: whether it reads a recipe.
        several: name of the positional argument that takes several paths, or "".
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
        "run all steps on generated videos, in minutes and without a download",
        "selfvid demo",
    ),
    "index": Command(
        "selfvid.data.indexing.command.index",
        "check every video and write a manifest",
        "selfvid index FOLDER -o footage.csv",
        several="footage",
    ),
    "flow": Command(
        "selfvid.data.flow.command.compute_flow",
        "compute the optical flow of every video",
        "selfvid flow footage.csv -o flow",
    ),
    "pretrain": Command(
        "selfvid.pretraining.command.pretrain",
        "train an encoder on unlabelled videos",
        "selfvid pretrain --config vicreg --data footage.csv --out runs/first",
        positional=False,
        recipe=True,
    ),
    "probe": Command(
        "selfvid.probing.command.probe",
        "evaluate an encoder by linear probe and kNN, next to baselines",
        "selfvid probe runs/first labelled.csv",
        several="encoder",
    ),
    "finetune": Command(
        "selfvid.finetuning.command.finetune",
        "train an encoder and a head with labels, and test them on whole videos",
        "selfvid finetune --config lrcn --data labelled.csv --init runs/first --out runs/lrcn",
        positional=False,
        recipe=True,
    ),
    "forecast": Command(
        "selfvid.forecasting.command.forecast",
        "evaluate predicted frames, next to baselines that need no network",
        "selfvid forecast runs/first",
    ),
    "fuse": Command(
        "selfvid.comparing.fuse.command.fuse",
        "combine the scores of several runs by average, weights or SVM",
        "selfvid fuse runs/rgb runs/flow -o runs/fused",
        several="runs",
    ),
    "compare": Command(
        "selfvid.comparing.command.compare",
        "compare two runs on the same videos, in total and class by class",
        "selfvid compare runs/a runs/b",
    ),
    "detect train": Command(
        "selfvid.detecting.train.detect_train",
        "train a detector of activities in untrimmed videos, on an encoder",
        "selfvid detect train --encoder runs/first --annotations activities.csv --out runs/detect",
        positional=False,
        recipe=True,
    ),
    "detect run": Command(
        "selfvid.detecting.run.detect_run",
        "find activities in new videos of any length",
        "selfvid detect run runs/detect VIDEO... -o found",
        several="videos",
    ),
    "detect eval": Command(
        "selfvid.detecting.evaluate.detect_eval",
        "evaluate a detector on its test videos, next to two baselines",
        "selfvid detect eval runs/detect",
    ),
    "embed": Command(
        "selfvid.features.embed.embed",
        "write the features of videos to a file",
        "selfvid embed runs/first FOLDER -o features.parquet",
    ),
    "export": Command(
        "selfvid.export.export",
        "write an encoder as ONNX, torch.export program, weights or folder",
        "selfvid export runs/first --format onnx",
    ),
    "report": Command(
        "selfvid.reports.page.report",
        "write one HTML page with all results of a run",
        "selfvid report runs/first",
    ),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit.

    The exit code is 0 after success, 2 after an error that the user can correct, 1 after any other
    error, and 130 after an interruption.

    Args:
        arguments: the words of the command line; by default those of this process.
    """
    with raised_signals(begun=False) as begin:
        _main(list(sys.argv[1:] if arguments is None else arguments), begin)


def _main(words: list[str], begin: Callable[[], None]) -> None:
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    log_to_terminal()
    if not debug:
        # An error in a thread is raised again where its work is wanted. TensorBoard's writer, whose
        # failure ends no run, would print a traceback besides.
        threading.excepthook = lambda _: None
    try:
        sys.exit(_run(words, begin))
    except (Exception, KeyboardInterrupt, Stopped) as error:
        if debug:
            traceback.print_exc()
        sys.exit(_print_error(error, debug=debug))
    finally:
        threading.excepthook = threading.__excepthook__


def _run(words: list[str], begin: Callable[[], None]) -> int:
    """Run the command that the words name, or print the help; return the exit code.

    `begin` is called before the command, when everything is imported and its arguments are right.
    """
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
    # Warnings of libraries are meant for developers, not for users of the command line.
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    import warnings

    warnings.simplefilter("ignore")
    command = COMMANDS[name]
    function = _find(command.function)
    arguments = _parse(name, command, function, rest)
    with escaped_output():
        begin()
        function(**arguments)
    return 0


def _family(word: str) -> list[str]:
    """Return the names of the commands of two words whose first word is this one."""
    return [name for name in COMMANDS if name.startswith(f"{word} ")]


def _find(path: str) -> Callable[..., Any]:
    """Import the function with a dotted path."""
    module, _, name = path.rpartition(".")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


def _parse(
    name: str, command: Command, function: Callable[..., Any], words: list[str]
) -> dict[str, Any]:
    """Return the arguments for `function`, with the objects of a recipe already built.

    Raises:
        InputError: If an argument is wrong.
    """
    from jsonargparse import ArgumentError, ArgumentParser

    from selfvid.cli.messages import one_line

    words, allowed = without_allowed(words)
    if "allow" in inspect.signature(function).parameters:
        words += as_option(allowed)
    parser = ArgumentParser(
        prog=f"selfvid {name}",
        description=f"Example: {command.example}",
        exit_on_error=False,
    )
    if command.recipe:
        help_text = "recipe: a file, or the name of one that comes with selfvid"
        parser.add_argument("--config", action="config", help=help_text)
        parser.add_argument("--allow", type=list[str], help=HELP)
        words = with_recipe_paths(words, inspect.signature(function).parameters)
    _add_arguments(parser, command, function)
    words, nulls = without_deep_nulls(with_lists(_normalised(words, function), function))
    try:
        with restricted_imports(allowed):
            settings = parser.parse_args(words)
            if nulls:
                plain = settings.as_dict()
                plain.pop("config", None)
                settings = parser.parse_object(with_nulls(plain, nulls))
            if "seed" in settings:
                # The objects of a recipe are built next, and their weights are random.
                import torch

                torch.manual_seed(settings["seed"])
            arguments = parser.instantiate(settings)
    except (ArgumentError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        options = parser.get_defaults().keys()
        message = one_line(str(error), options=options, example=command.example)
        raise InputError(message) from error
    own = () if not command.recipe else ("config", "allow")
    return {key: value for key, value in vars(arguments).items() if key not in own}


def _add_arguments(parser: Any, command: Command, function: Callable[..., Any]) -> None:
    """Add the arguments of a function; positional ones keep the order of its signature."""
    first, *_ = inspect.signature(function).parameters

    def add_several() -> None:
        # jsonargparse would read a list from a single word; here it is several words.
        help_text = f"{command.several}: one path, or several separated by spaces"
        parser.add_argument(command.several, type=Path, nargs="+", help=help_text)

    if command.several == first:
        add_several()
    skipped: set[str | int] = {command.several} if command.several else set()
    parser.add_function_arguments(function, as_positional=command.positional, skip=skipped)
    if command.several and command.several != first:
        add_several()


def _normalised(words: list[str], function: Callable[..., Any]) -> list[str]:
    """Return the words with --out for -o, and with "=true" after a switch such as --resume."""
    parameters = inspect.signature(function).parameters
    switches = {
        f"--{name}" for name, parameter in parameters.items() if isinstance(parameter.default, bool)
    }
    normalised = []
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        if word in switches and following.lower() not in ("true", "false"):
            word = f"{word}=true"
        normalised.append("--out" if word == "-o" else word)
    return normalised


def _help(family: str = "") -> str:
    """Return the list of all commands, or of those whose first word is `family`."""
    names = _family(family) if family else list(COMMANDS)
    width = max(map(len, names))
    lines = [f"  {name:<{width}}  {COMMANDS[name].words}" for name in names]
    return "\n".join(
        [
            f"usage: selfvid {f'{family} ' if family else ''}COMMAND ...",
            "",
            "Train video encoders on unlabelled videos, and measure whether that helped.",
            "",
            *lines,
            "",
            "selfvid COMMAND --help explains a command; --debug shows the traceback of an error;",
            "selfvid --version prints the version.",
        ]
    )


def _print_error(error: BaseException, *, debug: bool) -> int:
    """Print one line about `error`; return the exit code."""
    line = escaped(" ".join(str(error).split()))
    if isinstance(error, InputError):
        print(f"selfvid: {line}", file=sys.stderr)
        return USER_ERROR
    if isinstance(error, Stopped):
        again = "the same command begins again, or goes on with --resume if there is a run"
        print(f"selfvid: {line}; {again}", file=sys.stderr)
        return INTERRUPTED
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Interrupted":
        print(f"selfvid: {line or 'interrupted'}", file=sys.stderr)
        return INTERRUPTED
    cause = full_disk(error)
    if cause is not None:
        # Most files are named where they are written; of the others only the disks are known.
        named = error.filename if isinstance(error, OSError) else None
        path = Path(os.fsdecode(named)) if named else Path(tempfile.gettempdir())
        print(f"selfvid: {no_room(path, cause)}", file=sys.stderr)
        return USER_ERROR
    hint = "" if debug else "; --debug shows the traceback"
    if isinstance(error, OSError) and error.filename is not None:
        reason = (error.strerror or type(error).__name__).lower()
        print(f"selfvid: {str(error.filename)!r} cannot be used: {reason}{hint}", file=sys.stderr)
        return USER_ERROR
    print(f"selfvid: {type(error).__name__}: {line}{hint}", file=sys.stderr)
    return OUR_ERROR


if __name__ == "__main__":
    main()
