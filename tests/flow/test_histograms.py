import numpy as np
import pytest
import torch

from selfvid.errors import InputError
from selfvid.flow.histograms import direction_histograms
from tests.reference.histograms import slow_histograms

FIELDS = torch.randn(5, 2, 9, 14, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize(("grid", "bins"), [(4, 8), (1, 1), (3, 5)])
def test_pixels_count_with_their_length_in_cell_and_direction(
    grid: int, bins: int, signed: bool
) -> None:
    found = direction_histograms(FIELDS, grid=grid, bins=bins, signed=signed)
    expected = slow_histograms(FIELDS, grid=grid, bins=bins, signed=signed)
    assert np.allclose(found.numpy(), expected, atol=1e-5)


def test_opposite_vectors_are_one_direction_unless_they_are_signed() -> None:
    ways = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 2.0], [0.0, -2.0]])[..., None, None]
    signed = direction_histograms(ways, grid=1, bins=4)
    assert signed.squeeze().argmax(1).tolist() == [0, 2, 1, 3]
    # Nine bins, as in histograms of oriented gradients: the fifth is centred on the vertical.
    unsigned = direction_histograms(ways, grid=1, bins=9, signed=False)
    assert unsigned.squeeze().argmax(1).tolist() == [0, 0, 4, 4]


def test_fields_smaller_than_the_grid_are_refused() -> None:
    with pytest.raises(InputError, match="9x14; expected at least 10 pixels"):
        direction_histograms(FIELDS, grid=10, bins=8)
