"""True flow in the .flo files of the Middlebury benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from selfvid.errors import InputError

_TAG = 202021.25  # the first four bytes of every .flo file, read as a float
_HEAD = 12  # bytes of tag, width and height
_UNKNOWN = 1e9  # the format marks unknown flow by displacements larger than this


@dataclass(frozen=True, eq=False, repr=False)
class TrueFlow:
    """True forward flow of one frame.

    Attributes:
        flow: float32 (2, H, W) in pixels, x before y; zero at pixels where it is not known.
        known: whether the flow of a pixel is known, bool (H, W).
    """

    flow: Tensor
    known: Tensor

    def __repr__(self) -> str:
        return f"TrueFlow({tuple(self.flow.shape)}, {float(self.known.float().mean()):.1%} known)"


def read_flo(path: str | Path) -> TrueFlow:
    """Read the flow of a .flo file.

    Raises:
        InputError: If the file does not exist or is not a .flo file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"flow file {str(path)!r} does not exist; expected a .flo file")
    content = path.read_bytes()
    if len(content) < _HEAD or np.frombuffer(content, "<f4", 1)[0] != _TAG:
        raise InputError(f"flow file {str(path)!r} does not begin as a .flo file does")
    width, height = (int(side) for side in np.frombuffer(content, "<i4", 2, offset=4))
    expected = _HEAD + 8 * width * height
    if min(width, height) < 1 or len(content) != expected:
        raise InputError(
            f"flow file {str(path)!r} has {len(content)} bytes; "
            f"expected {expected} for the {width}x{height} pixels of its header"
        )
    fields = np.frombuffer(content, "<f4", offset=_HEAD).reshape(height, width, 2)
    flow = torch.from_numpy(fields.astype(np.float32)).permute(2, 0, 1)  # (2, H, W)
    known = (flow.abs() < _UNKNOWN).all(dim=0)  # (H, W); False for NaN
    return TrueFlow(flow.where(known, flow.new_zeros(())).contiguous(), known)
