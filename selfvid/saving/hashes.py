"""Short hashes of texts, by which it is noticed that something is not what it was."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def short_hash(pieces: Iterable[str]) -> str:
    """Return a hash of texts and their order, 16 hexadecimal digits."""
    return hashlib.blake2b("\n".join(pieces).encode(), digest_size=8).hexdigest()
