"""The house's floors: imports go down only, and outside packages stay in their rooms."""

import ast
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

PACKAGE = Path(__file__).parents[1] / "selfvid"
FILES = sorted(PACKAGE.rglob("*.py"))

FLOORS: dict[str, int] = {
    "cli": 8,
    "demo": 8,
    "reports": 7,
    "pretraining": 6,
    "finetuning": 6,
    "probing": 6,
    "detecting": 6,
    "forecasting": 6,
    "comparing": 6,
    "export": 6,
    "training": 5,
    "features": 5,
    "results": 5,
    "data": 4,
    "objectives": 4,
    "heads": 4,
    "encoders": 3,
    "flow": 2,
    "backbones": 2,
    "recurrent": 2,
    "pictures": 2,
    "statistics": 1,
    "saving": 1,
    "types": 0,
    "compute": 0,
    "errors": -1,
    "signals": -1,
    "__main__": 9,
    "__init__": 0,
}

ROOMS = {
    "decord": {"data/video/*"},
    "av": {"data/video/*"},
    "cv2": {"flow/estimate.py", "probing/baselines/histograms/*"},
    "skimage": {"probing/baselines/histograms/*"},
    "kornia": {"data/clips/augmentation.py", "data/clips/geometry.py", "flow/warp.py"},
    "pytorch_lightning": {"training/*", "pretraining/previews.py"},
    "sklearn": {
        "statistics/*",
        "data/digits/*",
        "data/manifest/*",
        "probing/*",
        "comparing/fuse/svm.py",
    },
    "lightly": {"objectives/*", "training/schedule.py", "probing/classifiers/knn.py"},
    "onnx": {"export/onnx.py"},
    "onnxruntime": {"export/onnx.py"},
    "jsonargparse": {"cli/*"},
    "matplotlib": {"pictures/*"},
    "jinja2": {"reports/*"},
    "torchmetrics": set(),
}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def floor_of(module: str) -> int:
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
    assert len(text.splitlines()) <= 400
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
