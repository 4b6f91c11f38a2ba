"""Gather what a machine without a network needs, in one folder of limited size.

``python -m tests.bench.on_gpu.carry FOLDER --mnist MNIST`` gathers those of this project's
requirements that the machine lacks, with what they require in turn, as ``site.tar.xz``, and copies
the digits. On the machine, ``tar -xf FOLDER/site.tar.xz -C /tmp`` and ``PYTHONPATH=/tmp/site`` make
them importable.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[3]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
LARGEST = 58 * 2**20  # bytes; the sources of the project travel too
PLATFORMS = (
    "manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
    "manylinux1_x86_64",
)
# What such a machine has already: torch, and much of what is built on it.
PRESENT = frozenset(
    [
        "torch",
        "torchvision",
        "numpy",
        "scipy",
        "pyarrow",
        "scikit-learn",
        "scikit-image",
        "tensorboard",
        "safetensors",
        "pytorch-lightning",
        "torchmetrics",
        "lightning-utilities",
        "matplotlib",
        "tqdm",
        "pyyaml",
        "threadpoolctl",
        "jinja2",
        "onnx",
        "onnxscript",
        "onnxruntime",
        "opencv-python-headless",
        "pillow",
        "packaging",
        "requests",
        "pytest",
        "certifi",
        "typing-extensions",
        "urllib3",
        "idna",
        "charset-normalizer",
        "python-dateutil",
        "six",
        "fsspec",
        "filelock",
        "setuptools",
    ]
)


def main(arguments: list[str] | None = None) -> int:
    """Gather the folder; the exit code is 1 if it is too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mnist", type=Path, help="folder with MNIST's four idx files")
    parser.add_argument("--python", default="3.12", help="Python of the machine")
    chosen = parser.parse_args(arguments)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        site = Path(scratch) / "site"
        site.mkdir()
        for exact in missing(required(), python=chosen.python).values():
            print(exact, flush=True)
            install(exact, site, python=chosen.python)
        compress(site, chosen.folder / "site.tar.xz")
    if chosen.mnist is not None:
        copy_digits(chosen.mnist, chosen.folder / "mnist")
    size = sum(path.stat().st_size for path in chosen.folder.rglob("*") if path.is_file())
    print(f"{chosen.folder}: {size / 2**20:.1f} MiB")
    if size > LARGEST:
        print(f"that is more than {LARGEST / 2**20:.0f} MiB", file=sys.stderr)
    return int(size > LARGEST)


def required() -> list[Requirement]:
    """Return what this project requires on such a machine."""
    described = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    return [Requirement(line) for line in described["project"]["dependencies"]]


def missing(requirements: Sequence[Requirement], *, python: str) -> dict[str, str]:
    """Return the exact requirement of each package that is to be carried, by its name.

    Args:
        requirements: what the project requires.
        python: Python of the machine.
    """
    machine = {"python_version": python, "sys_platform": "linux", "platform_machine": "x86_64"}
    found: dict[str, str] = {}
    todo = list(requirements)
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        if name in found or name in PRESENT:
            continue
        if wanted.marker is not None and not wanted.marker.evaluate({**machine, "extra": ""}):
            continue
        version, lines = latest(wanted, python=python)
        found[name] = f"{name}=={version}"
        for further in map(Requirement, lines):
            extras = ["", *wanted.extras]
            marker = further.marker
            if marker is None or any(marker.evaluate({**machine, "extra": e}) for e in extras):
                todo.append(Requirement(str(further).split(";")[0]))
    return found


def latest(wanted: Requirement, *, python: str) -> tuple[str, list[str]]:
    """Return the newest version that fits, and the lines of what it requires."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        command = [*PIP, "install", "--dry-run", "--ignore-installed", "--quiet", "--no-deps"]
        command += ["--report", str(report), "--target", scratch]
        exact = f"{wanted.name}{wanted.specifier}"
        if subprocess.run([*command, *tags(python), exact], capture_output=True).returncode:
            subprocess.run([*command, exact], check=True)  # there is no wheel, only the source
        metadata = json.loads(report.read_text())["install"][0]["metadata"]
    return metadata["version"], metadata.get("requires_dist", [])


def install(exact: str, site: Path, *, python: str) -> None:
    """Install one package for the machine into the folder `site`."""
    command = [*PIP, "install", "--quiet", "--no-deps", "--no-compile", "--target", str(site)]
    if subprocess.run([*command, *tags(python), exact], capture_output=True).returncode:
        # There is no wheel for any machine: what is built from the source is pure Python.
        subprocess.run([*command, exact], check=True)


def compress(site: Path, archive: Path) -> None:
    """Pack `site` much smaller than wheels are."""
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(site, arcname="site")


def tags(python: str) -> list[str]:
    """Return pip's options for wheels of another machine."""
    platforms = [word for tag in PLATFORMS for word in ("--platform", tag)]
    return ["--only-binary", ":all:", "--python-version", python, *platforms]


def copy_digits(mnist: Path, folder: Path) -> None:
    """Copy the idx files of MNIST, packed or not."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(mnist.glob("*-ubyte*")):
        shutil.copy2(file, folder / file.name)


if __name__ == "__main__":
    sys.exit(main())
