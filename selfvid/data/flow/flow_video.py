"""One video's flow as a lossless grey film: x above y, one picture for each field.

::

    field t      +---------+
                 |    x    |  H
                 +---------+         codes as `selfvid.flow.quantise` explains them
                 |    y    |  H
                 +---------+
                      W
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfvid.data.video.encode import GreyWriter
from selfvid.data.video.pyav_reader import PyAVReader
from selfvid.data.video.reader import Frames


class FlowWriter(GreyWriter):
    """Writes codes of flow, run by run, into one film."""

    def append(self, codes: Tensor) -> None:
        """Append codes uint8 (n, 2, H, W)."""
        self.write(codes.flatten(1, 2).cpu().numpy())


def read_flow_video(path: Path, indices: Sequence[int], *, threads: int = 1) -> Tensor:
    """The codes of some fields, in the order asked; each distinct field is decoded once.

    Args:
        path: a film that `FlowWriter` wrote.
        indices: field numbers, in any order, repeated or not.
        threads: decoding threads.

    Returns:
        uint8 (n, 2, H, W).

    Raises:
        IndexError: where an index lies outside the film.
        DecodeError: where the file is damaged.
    """
    with _GreyReader(str(path), threads=threads) as reader:
        pictures = reader.read(indices)
    return torch.from_numpy(pictures).unflatten(1, (2, -1))


class _GreyReader(PyAVReader):
    """Pictures (H, W) as they were stored: no detour by colour, which would shift the codes."""

    def _picture(self, frame: Any) -> Frames:
        picture: Frames = frame.to_ndarray(format="gray")
        return np.ascontiguousarray(picture)
