"""Learn video encoders from unlabelled video, and measure whether that helped.

Names are imported when they are first used, so that ``import selfvid`` costs nothing. Which names
there are, and where they stand, is read from the stub beside this file, which type checkers read
too.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.2.0"

_STUB = Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")
_HOMES = {
    name: module
    for module, names in re.findall(r"^from (\S+) import \(?([^()#]+?)\)?$", _STUB, re.MULTILINE)
    for name in re.findall(r"(\w+) as \w+", names)
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'selfvid' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
