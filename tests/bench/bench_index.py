"""Time that `selfvid index` takes in this tree and in another one, such as an earlier commit.

The two run in turn, each in a process of its own, so that imports and caches are alike::

    git worktree add /tmp/earlier COMMIT
    python -m tests.bench.bench_index ../shared/data/ut_interaction/videos --against /tmp/earlier
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).parents[2]


def compare(footage: Path, against: Path, *, rounds: int = 3) -> dict[str, float]:
    """Return the median seconds of indexing `footage` here and in `against`, and their ratio."""
    seconds: dict[str, list[float]] = {"here": [], "there": []}
    for _ in range(rounds):
        for name, tree in (("here", HERE), ("there", against)):
            seconds[name].append(_index(footage, tree))
    found = {name: median(values) for name, values in seconds.items()}
    return found | {"ratio": found["here"] / found["there"]}


def _index(footage: Path, tree: Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "videos.csv"
        call = [sys.executable, "-m", "selfvid", "index", str(footage.absolute()), "-o", str(out)]
        began = time.perf_counter()
        environment = os.environ | {"PYTHONPATH": str(tree)}
        options = ["--workers", "1", "--quiet"]
        subprocess.run([*call, *options], cwd=tree, env=environment, check=True)
        return time.perf_counter() - began


def main() -> None:
    """Print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("footage", type=Path)
    parser.add_argument("--against", type=Path, required=True, help="root of the other tree")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(json.dumps(compare(options.footage, options.against, rounds=options.rounds)))


if __name__ == "__main__":
    main()
