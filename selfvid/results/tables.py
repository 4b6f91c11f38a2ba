"""Tables as plain text."""

from __future__ import annotations


def aligned(lines: list[list[str]]) -> str:
    """Return lines of cells in columns: the first column aligned left, the others right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        ).rstrip()
        for line in lines
    )
