"""Handing an encoder on: ONNX, torch.export, a plain state dict or a native folder.

`export` (in ``command.py``) is taken from here when it is first used, so that importing one
format does not import the others.
"""

from typing import Any

__all__ = ["export"]


def __getattr__(name: str) -> Any:
    if name != "export":
        raise AttributeError(f"module 'selfvid.export' has no attribute {name!r}")
    from selfvid.export.command import export

    return export
