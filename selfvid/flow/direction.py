"""Which way flow is told."""

from __future__ import annotations

from typing import Literal

Direction = Literal["forward", "backward"]
"""``forward`` from each frame to the next, ``backward`` from each frame to the one before."""
