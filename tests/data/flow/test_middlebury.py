from __future__ import annotations

import struct
from pathlib import Path

import pytest
import torch

from selfvid.data.flow.middlebury import read_flo
from selfvid.errors import InputError


def _flo(width: int, height: int, values: list[float], tag: float = 202021.25) -> bytes:
    return struct.pack(f"<fii{len(values)}f", tag, width, height, *values)


def test_x_and_y_of_every_pixel_are_read_row_by_row(tmp_path: Path) -> None:
    file = tmp_path / "a.flo"
    file.write_bytes(_flo(3, 2, [float(n) for n in range(12)]))
    found = read_flo(file)
    for v in range(2):
        for u in range(3):
            assert found.flow[:, v, u].tolist() == [2 * (3 * v + u), 2 * (3 * v + u) + 1]
    assert found.known.all()


def test_what_is_not_known_is_zero_and_said_so(tmp_path: Path) -> None:
    file = tmp_path / "a.flo"
    file.write_bytes(_flo(3, 1, [1.0, 2.0, 1.7e9, 3.0, float("nan"), 0.0]))
    found = read_flo(file)
    assert found.known.tolist() == [[True, False, False]]
    assert found.flow[:, 0].tolist() == [[1, 0, 0], [2, 0, 0]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not begin as"),
        (b"PIEH", "does not begin as"),
        (_flo(2, 1, [0.0] * 4, tag=1.0), "does not begin as"),
        (_flo(2, 1, [0.0] * 3), "has 24 bytes; expected 28 for the 2x1 pixels"),
        (_flo(2, 1, [0.0] * 5), "has 32 bytes; expected 28"),
        (_flo(-2, -1, [0.0] * 4), "has 28 bytes"),
    ],
)
def test_what_is_no_flow_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "a.flo"
    file.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_flo(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.flo' does not exist"):
        read_flo(tmp_path / "none.flo")


def test_rubber_whale_is_nearly_all_known(shared_data: Path) -> None:
    found = read_flo(shared_data / "flow_middlebury" / "flow10.flo")
    assert found.flow.shape == (2, 388, 584)
    assert 0.98 < float(found.known.float().mean()) < 0.99
    assert float(torch.hypot(*found.flow).max()) < 10
