"""Telling whether two encoders compute the same."""

from __future__ import annotations

import hashlib
import json

from selfvid.saving.recorded import describe
from selfvid.encoders.base import Encoder


def fingerprint(encoder: Encoder) -> str:
    """A hash of what an encoder computes: its construction and every weight and buffer."""
    digest = hashlib.sha256(json.dumps(describe(encoder), sort_keys=True).encode())
    for name, tensor in sorted(encoder.state_dict().items()):
        plain = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {plain.dtype} {plain.shape}".encode())
        digest.update(plain.tobytes())
    return digest.hexdigest()
