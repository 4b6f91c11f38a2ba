"""Interrupt commands before their file operations and print where the result is another one."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.faults.campaign import Campaign
from tests.faults.interruption import FAULTS, Fault
from tests.faults.scenarios import SCENARIOS


def spread(count: int, points: int) -> list[int]:
    """Return numbers of `points` operations of `count`, from the first to the last."""
    if points >= count:
        return list(range(1, count + 1))
    return [1 + round(place * (count - 1) / max(1, points - 1)) for place in range(points)]


def sample(name: str, count: int) -> tuple[Fault, int]:
    """Return a fault and an operation of a command, other ones for each command."""
    number = list(SCENARIOS).index(name)
    points = spread(count, 5)
    return FAULTS[number % len(FAULTS)], points[-1 - number % len(points)]


def main(arguments: list[str] | None = None) -> int:
    """Try the chosen commands; the exit code is 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", help="of: " + ", ".join(SCENARIOS))
    parser.add_argument("--points", type=int, default=10**9, help="operations of each command")
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=FAULTS)
    parser.add_argument("--sample", action="store_true", help="one interruption of each command")
    options = parser.parse_args(arguments)
    wrong = tried = 0
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        campaign = Campaign(Path(folder))
        for name in options.scenarios or SCENARIOS:
            changes, expected = campaign.undisturbed(SCENARIOS[name])
            numbers = spread(len(changes), options.points)
            chosen = [(fault, at) for at in numbers for fault in options.faults]
            for fault, at in [sample(name, len(changes))] if options.sample else chosen:
                found = campaign.interrupted(SCENARIOS[name], fault, at, expected)
                tried += 1
                if found:
                    wrong += 1
                    place = f"{name}, {fault} before {at} ({changes[at - 1]})"
                    print(f"{place}: {found}", flush=True)
            print(f"{name}: {len(changes)} operations", flush=True)
    print(f"{wrong} of {tried} interruptions left another result")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
