"""The house's floors: imports go down only, and outside packages stay in their rooms."""

import ast
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

PACKAGE = Path(__file__).parents[1] / "selfvid"
FILES = sorted(PACKAGE.rglob("*.py"))

FLOORS: dict[str, float] = {
    "errors": -2,
    "whole": -1,
    "amounts": -1,
    "types": 0,
    "device": 0,
    "construction": 0,
    "metrics": 0,
    "scores": 0,
    "saving": 0.5,
    "backbones": 1,
    "flow": 1,
    "recurrent": 1,
    "pictures": 1,
    "encoders": 2,
    "data": 3,
    "objectives": 3,
    "heads": 3,
    "engine": 4,
    "evaluation": 5,
    "export": 5,
    "reports": 6,
    "demo": 7,
    "complaints": 7,
    "deep_nulls": 7,
    "recipe_files": 7,
    "cli": 8,
    "__main__": 9,
    "__init__": 0,
}

ROOMS = {
    "decord": {"data/decord_reader.py", "data/decode.py"},
    "av": {
        f"data/{name}.py" for name in ("decode", "encode", "packets", "pyav_reader", "image_folder")
    },
    "cv2": {"flow/estimate.py", "evaluation/histograms/*"},
    "skimage": {"evaluation/histograms/*"},
    "kornia": {"data/transforms.py"},
    "pytorch_lightning": {"engine/*"},
    "sklearn": {"data/digits.py", "data/manifest.py", "data/splits.py", "evaluation/*"},
    "lightly": {"objectives/*", "engine/schedule.py", "evaluation/knn.py"},
    "onnx": {"export/onnx.py"},
    "onnxruntime": {"export/onnx.py"},
    "jsonargparse": {"cli.py"},
    "matplotlib": {"pictures/*"},
    "jinja2": {"reports/*"},
}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def floor_of(module: str) -> float:
    return FLOORS[module.split(".")[0]]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_the_walk_finds_the_package() -> None:
    assert len(FILES) > 40


@pytest.mark.parametrize("path", FILES, ids=room)
def test_imports_go_down_only(path: Path) -> None:
    own = room(path).removesuffix(".py").replace("/", ".").split(".")[0]
    for name in imports(path):
        if not name.startswith("selfvid."):
            continue
        other = name.removeprefix("selfvid.").split(".")[0]
        assert other == own or floor_of(other) < floor_of(own), f"{room(path)} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=room)
def test_outside_packages_stay_in_their_rooms(path: Path) -> None:
    for name in imports(path):
        package = name.split(".")[0]
        if package in ROOMS:
            allowed = {room(path), *(f"{parent}/*" for parent in PurePath(room(path)).parents)}
            assert allowed & ROOMS[package], f"{room(path)} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=room)
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1
                assert lines <= 45, f"{room(path)}: {node.name} has {lines} lines"


def test_modules_have_no_import_circles() -> None:
    graph = {
        f"selfvid.{room(path).removesuffix('.py').replace('/', '.')}": set(imports(path))
        for path in FILES
        if path.name != "__init__.py"
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, f"circle: {' > '.join((*trail, module))}"
        if module in done:
            return
        for other in graph.get(module, set()) & graph.keys():
            visit(other, (*trail, module))
        done.add(module)

    for module in graph:
        visit(module, ())
