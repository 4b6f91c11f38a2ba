from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.bench.on_gpu import carry

REQUIRED = {
    "decord": ("0.6.0", ["numpy>=1.14.0"]),
    "jsonargparse": (
        "4.53",
        ["pyyaml", 'typeshed-client; extra == "signatures"', "shtab; extra == 'completion'"],
    ),
    "typeshed-client": ("2.15", ['importlib-resources; python_version < "3.9"']),
}


def latest(wanted: Requirement, *, python: str) -> tuple[str, list[str]]:
    assert python == "3.12"
    return REQUIRED[wanted.name]


def test_what_is_missing_is_gathered_with_what_it_requires(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carry, "latest", latest)
    wanted = [
        "torch>=2.11",
        "jsonargparse[signatures]>=4.49",
        "decord>=0.6; sys_platform == 'linux'",
        "decord>=0.6; sys_platform == 'win32'",
    ]
    assert carry.missing(list(map(Requirement, wanted)), python="3.12") == {
        "decord": "decord==0.6.0",
        "jsonargparse": "jsonargparse==4.53",
        "typeshed-client": "typeshed-client==2.15",
    }


def test_the_requirements_are_this_project_s() -> None:
    names = {requirement.name for requirement in carry.required()}
    assert {"torch", "decord", "kornia", "lightly"} <= names


def test_a_folder_that_is_too_large_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def written(exact: str, site: Path, *, python: str) -> None:
        (site / f"{exact}-{python}").write_text("module")

    monkeypatch.setattr(carry, "missing", lambda *_, **__: {"one": "one==1"})
    monkeypatch.setattr(carry, "install", written)
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"digits")
    arguments = [str(tmp_path / "carried"), "--mnist", str(tmp_path / "mnist")]
    assert carry.main(arguments) == 0
    names = {path.name for path in (tmp_path / "carried").rglob("*") if path.is_file()}
    assert names == {"site.tar.xz", "train-images-idx3-ubyte.gz"}
    monkeypatch.setattr(carry, "LARGEST", 10)
    assert carry.main(arguments) == 1
    assert "that is more than 0 MiB" in capsys.readouterr().err
