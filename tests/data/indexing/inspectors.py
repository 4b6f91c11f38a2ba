"""An inspection that logs its calls, for guarded children to call in tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from selfvid.data.indexing.inspect import inspect_video
from tests.data.video.behaviours import behave


def inspect_and_log(path: str, decoder: Any) -> dict[str, Any]:
    """Write path and decoder to the file that INSPECT_LOG names, and inspect the video.

    With the decoder "auto" it first hangs, exits or raises if the file's name says so.
    """
    with Path(os.environ["INSPECT_LOG"]).open("a") as log:
        log.write(f"{Path(path).name} {decoder}\n")
    if decoder == "auto":
        behave(Path(path).name)
    return inspect_video(path, decoder)
