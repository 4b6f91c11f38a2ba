"""`selfvid export`: write an encoder as ONNX, torch.export program, weights or native folder.

The function `export` of ``command.py`` can be imported from here. It is imported when it is first
used, so that the import of one format does not import the others.
"""

from typing import Any

__all__ = ["export"]


def __getattr__(name: str) -> Any:
    if name != "export":
        raise AttributeError(f"module 'selfvid.export' has no attribute {name!r}")
    from selfvid.export.command import export

    return export
