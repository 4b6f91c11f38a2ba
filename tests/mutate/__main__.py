"""Break one line after the other in a copy of the tree, and run the tests that must notice."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutate.lines import MUTATIONS, Mutation

ROOT = Path(__file__).parents[2]
COPIED = ("selfvid", "tests", "recipes", "docs", "pyproject.toml", "README.md", "CHANGES.md")
LIMIT = 300.0  # seconds of one run of tests; a test that then still runs has noticed something


def survives(mutation: Mutation) -> bool:
    """Return whether the tests pass although the line is broken."""
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, Path(folder, name))
        file = Path(folder, "selfvid", mutation.module)
        file.write_text(mutation.applied(file.read_text(encoding="utf-8")), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        environment = {**os.environ, "PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
        try:
            ended = subprocess.run(
                [*command, *mutation.tests],
                cwd=folder,
                env=environment,
                capture_output=True,
                timeout=LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return ended.returncode == 0


def report(mutations: Iterable[Mutation], *, processes: int) -> list[Mutation]:
    """Try every mutation, print what became of it, and return the survivors."""
    chosen = list(mutations)
    survivors = []
    with ThreadPoolExecutor(processes) as pool:
        for mutation, survived in zip(chosen, pool.map(survives, chosen), strict=True):
            print(f"{'SURVIVED' if survived else 'noticed '} {mutation}", flush=True)
            if survived:
                survivors.append(mutation)
    print(f"{len(survivors)} of {len(chosen)} broken lines were not noticed")
    return survivors


def main(arguments: list[str] | None = None) -> int:
    """Try the chosen mutations; the exit code is 1 if one survived."""
    parser = argparse.ArgumentParser("python -m tests.mutate", description=__doc__)
    parser.add_argument("modules", nargs="*", help="beginnings of modules, such as heads/")
    parser.add_argument("--processes", type=int, default=1)
    chosen = parser.parse_args(arguments)
    wanted = tuple(chosen.modules) or ("",)
    mutations = [each for each in MUTATIONS if each.module.startswith(wanted)]
    return int(bool(report(mutations, processes=chosen.processes)))


if __name__ == "__main__":
    sys.exit(main())
