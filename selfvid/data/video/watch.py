"""A board in shared memory on which every worker writes the file that it is reading."""

from __future__ import annotations

import torch

_BYTES = 1024


class Board:
    """One line of text per worker, readable while the workers hang.

    Args:
        workers: how many lines there are.
    """

    def __init__(self, workers: int) -> None:
        self._lines = torch.zeros(workers, _BYTES, dtype=torch.uint8).share_memory_()

    def write(self, worker: int, text: str) -> None:
        """Replace the line of one worker; the end of a long text is what is kept."""
        kept = text.encode()[-_BYTES:]
        line = torch.zeros(_BYTES, dtype=torch.uint8)
        line[: len(kept)] = torch.tensor(list(kept), dtype=torch.uint8)
        self._lines[worker] = line

    def read(self) -> list[str]:
        """The lines that are not empty, in the order of the workers."""
        lines = [bytes(line.tolist()).rstrip(b"\0") for line in self._lines]
        return [line.decode(errors="replace") for line in lines if line]
