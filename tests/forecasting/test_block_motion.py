from __future__ import annotations

import pytest
import torch

from selfvid.forecasting.block_motion import block_motion, moved
from tests.forecasting.made import noise


def test_a_shifted_texture_is_found_and_black_stands_still() -> None:
    before = torch.zeros(1, 3, 40, 40)
    before[..., 12:24, 12:24] = noise(1, 3, 12, 12)
    after = before.roll((-2, 3), dims=(2, 3))
    motion = block_motion(before, after, reach=4, window=5)
    assert (motion[0, 0, 10:22, 15:27] == 3).all()
    assert (motion[0, 1, 10:22, 15:27] == -2).all()
    assert not motion[..., 30:, :].any()


def test_block_motion_is_the_best_of_all_displacements_by_loop() -> None:
    before, after = noise(2, 1, 1, 12, 12), noise(3, 1, 1, 12, 12)
    reach, window = 2, 3
    motion = block_motion(before, after, reach=reach, window=window)
    framed = torch.nn.functional.pad(before, (reach,) * 4)[0, 0]
    for row, column in ((0, 0), (5, 6), (11, 3)):

        def cost(x: int, y: int, row: int = row, column: int = column) -> float:
            total = 0.0
            for i in range(max(row - 1, 0), min(row + 2, 12)):
                for j in range(max(column - 1, 0), min(column + 2, 12)):
                    there = framed[i - y + reach, j - x + reach]
                    total += float((after[0, 0, i, j] - there) ** 2)
            return total

        span = range(-reach, reach + 1)
        best = min((cost(x, y), x, y) for x in span for y in span)
        assert tuple(motion[0, :, row, column].tolist()) == best[1:]


def test_where_pixels_meet_the_brighter_one_wins_and_leavers_are_gone() -> None:
    frame = torch.tensor([[[[0.2, 0.7, 0.5, 0.9]]]])
    motion = torch.tensor([[[[1, 0, -1, 5]], [[0, 0, 0, 0]]]])
    assert moved(frame, motion, on_black=True).flatten().tolist() == pytest.approx([0, 0.7, 0, 0])
    kept = moved(frame, motion, on_black=False).flatten().tolist()
    assert kept == pytest.approx([0.2, 0.7, 0.5, 0.9])
