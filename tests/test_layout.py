"""The tree stays readable: modules have tests of their own, files and functions stay short."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE, TESTS = ROOT / "selfvid", ROOT / "tests"
MODULES = sorted(
    path for path in PACKAGE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py")
)
# Tests of several modules together.
TOGETHER = {
    "data/indexing/test_real_footage.py",
    "pretraining/test_flow_run.py",
    "recurrent/test_compiled.py",
}
LONGEST_FILE, LONGEST_FUNCTION = 400, 45
TOP_LEVEL = {"pyproject.toml", "selfvid", "recipes", "tests", "docs", "README.md", "LICENSE"}
TOP_LEVEL |= {"CHANGES.md"}


def test_of(module: Path) -> Path:
    inside = module.relative_to(PACKAGE)
    return TESTS / inside.parent / f"test_{inside.name}"


# The helper's own name begins with "test_".
test_of.__test__ = False  # type: ignore[attr-defined]


def test_every_module_has_tests_of_its_name() -> None:
    without = [str(module) for module in MODULES if not test_of(module).is_file()]
    assert not without


def test_every_file_of_tests_is_named_after_a_module() -> None:
    named = {test_of(module) for module in MODULES}
    present = {
        path
        for folder in sorted(PACKAGE.iterdir())
        if folder.is_dir() and (TESTS / folder.name).is_dir()
        for path in (TESTS / folder.name).rglob("test_*.py")
    }
    strangers = {path.relative_to(TESTS).as_posix() for path in present - named}
    assert strangers == TOGETHER


def test_files_are_short() -> None:
    lengths = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert not {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE}


def test_functions_are_short() -> None:
    long = [
        f"{path}: {name}"
        for path in MODULES
        for name, lines in functions(ast.parse(path.read_text(encoding="utf-8")))
        if lines > LONGEST_FUNCTION
    ]
    assert not long


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Name and lines of code of every function, its docstring not counted."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno is not None
            described = ast.get_docstring(node) is not None
            first = node.body[1] if described and len(node.body) > 1 else node.body[0]
            yield node.name, node.end_lineno - first.lineno + 1


def test_nothing_else_stands_at_the_top() -> None:
    seen = {
        path.name
        for path in ROOT.iterdir()
        if not path.name.startswith(".") and path.suffix != ".egg-info"
    }
    ignored = {line.strip("/\n") for line in (ROOT / ".gitignore").read_text().splitlines()}
    assert seen - ignored == TOP_LEVEL
