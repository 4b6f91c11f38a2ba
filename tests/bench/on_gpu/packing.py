"""Runs as archives in parts: a machine that is lent hands back few files of limited size."""

from __future__ import annotations

import tarfile
from pathlib import Path

PART = 15 * 2**20  # bytes of a part at most
ROOM = 60 * 2**20  # bytes of all parts
PARTS = 6  # files of all runs together


def pack(runs: Path, *, into: Path) -> dict[str, str]:
    """Write each run in `runs` that fits to `into`, as ``NAME.tar.0`` and so on.

    A run is kept as it is needed to go on: recipe, history, newest checkpoint, initial encoder.

    Returns:
        Why a run was left behind, by its name.
    """
    left_behind: dict[str, str] = {}
    room, parts = ROOM, PARTS
    for run in sorted(path for path in runs.iterdir() if path.is_dir()):
        files = _needed(run)
        size = sum(file.stat().st_size for file in files)
        needed = -(-size // PART)
        if size > room or needed > parts:
            left_behind[run.name] = f"{size / 2**20:.0f} MiB; {room / 2**20:.0f} MiB were free"
            continue
        archive = into / f"{run.name}.tar"
        with tarfile.open(archive, "w") as tar:
            for file in files:
                tar.add(file, arcname=file.relative_to(runs))
        whole = archive.read_bytes()
        archive.unlink()
        for number, start in enumerate(range(0, len(whole), PART)):
            (into / f"{archive.name}.{number}").write_bytes(whole[start : start + PART])
        room, parts = room - len(whole), parts - needed
    return left_behind


def unpack(packed: Path, *, into: Path) -> None:
    """Unpack the runs in `packed`, but none that is in `into` already."""
    for first in sorted(packed.glob("*.tar.0")):
        name = first.name.removesuffix(".tar.0")
        if (into / name).exists():
            continue
        into.mkdir(parents=True, exist_ok=True)
        parts = sorted(packed.glob(f"{name}.tar.*"), key=lambda part: int(part.suffix[1:]))
        archive = into / f"{name}.tar"
        archive.write_bytes(b"".join(part.read_bytes() for part in parts))
        with tarfile.open(archive) as tar:
            tar.extractall(into, filter="data")
        archive.unlink()


def _needed(run: Path) -> list[Path]:
    """Return the files of a run without which it cannot be continued."""
    newest = sorted((run / "checkpoints").glob("step-*.ckpt"))[-1:]
    start = sorted((run / "encoder_at_start").rglob("*"))
    others = [run / "recipe.yaml", run / "history.jsonl", *start]
    return [*(path for path in others if path.is_file()), *newest]
