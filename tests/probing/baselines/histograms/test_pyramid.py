from __future__ import annotations

import numpy as np
import pytest

from selfvid.probing.baselines.histograms.words import pyramid_histogram


@pytest.mark.parametrize("levels", [(1,), (1, 2), (3, 1, 4)])
def test_every_descriptor_counts_in_its_cell_of_every_level(levels: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(5), size=40).astype(np.float32)
    places = rng.random((40, 2)).astype(np.float32)
    expected = []
    for side in levels:
        for row in range(side):
            for column in range(side):
                inside = np.zeros(5)
                for share, (down, right) in zip(shares, places, strict=True):
                    if row <= down * side < row + 1 and column <= right * side < column + 1:
                        inside += share
                expected.append(inside / 40)
    found = pyramid_histogram(shares, places, levels=levels)
    np.testing.assert_allclose(found, np.concatenate(expected), atol=1e-6)
    assert found.sum() == pytest.approx(len(levels))


def test_no_descriptors_make_zeros() -> None:
    none = np.zeros((0, 3), np.float32), np.zeros((0, 2), np.float32)
    assert pyramid_histogram(*none, levels=(1, 2)).tolist() == [0] * 15
