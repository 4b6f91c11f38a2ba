"""Pages of the docs agree with the code: names exist, and examples run as they stand."""

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfvid.cli.commands import main
from selfvid.data.digits.files import write_footage
from selfvid.data.indexing.command import index
from selfvid.data.manifest.manifest import Manifest

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


SMALL = ("--training.steps", "2", "--training.batch", "8", "--training.warmup", "0")
QUICK = {
    "pretrain": SMALL,
    "finetune": (*SMALL, "--size", "32", "--workers", "0", "--clips.stride", "1"),
    "probe": (
        "--seeds",
        "1",
        "--label_curve",
        "[]",
        "--motion",
        "false",
        "--workers",
        "0",
        "--quiet",
    ),
}


def sections(page: str) -> dict[str, str]:
    """The parts of a page under their headings of the second level."""
    _, *parts = re.split(r"^## ", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {part.split("\n", 1)[0]: part for part in parts}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def words_of(command: str) -> list[str]:
    """The arguments of `python -m selfvid`, with what makes them quick added at the end."""
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:3] == ["python", "-m", "selfvid"], command
    quick = list(QUICK[words[3]])
    if words[3] == "finetune":
        quick += ["--views.stride", "1", "--views.clips", "1"]
    return [*words[3:], *quick]


EXTENSIONS = sections("extending.md")


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("footage")
    written = write_footage(folder / "videos", videos=80, frames=12, size=32, seed=1)
    return index(written, out=folder / "digits.csv", quiet=True, workers=1)


@pytest.mark.slow
@pytest.mark.parametrize("heading", EXTENSIONS)
def test_an_extension_runs_as_it_stands_on_the_page(
    heading: str,
    footage: Manifest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    footage.write(tmp_path / "footage.csv")
    files = [*blocks(EXTENSIONS[heading], "python"), *blocks(EXTENSIONS[heading], "yaml")]
    assert files
    for text in files:
        assert len(text.splitlines()) < 60
        (tmp_path / text.split("\n", 1)[0].removeprefix("# ")).write_text(text)
    if heading == "A baseline":  # which is held against the encoder of the section before it
        source = blocks(EXTENSIONS["A source of clips"], "python")[0]
        (tmp_path / "gratings.py").write_text(source)
        run_all(EXTENSIONS["A source of clips"])
    run_all(EXTENSIONS[heading])


def run_all(section: str) -> None:
    for block in blocks(section, "bash"):
        for command in re.split(r"(?<!\\)\n", block.strip()):
            with pytest.raises(SystemExit) as stopped:
                main(words_of(command))
            assert stopped.value.code == 0, command


def test_there_is_a_page_for_every_kind_of_extension() -> None:
    assert list(EXTENSIONS) == [
        "An objective",
        "A change of time",
        "An encoder",
        "A head",
        "A source of clips",
        "A baseline",
    ]
