import pytest
import torch

from tests.bench.crop_mean import CROPS, SHARE, distances


def test_a_field_of_one_displacement_has_the_same_mean_everywhere() -> None:
    assert distances(torch.ones(2, 30, 60)).max() == 0


def test_a_ramp_of_flow_is_off_by_where_the_crop_lies() -> None:
    ramp = torch.zeros(2, 30, 60)
    ramp[0] = torch.arange(60.0)
    found = distances(ramp)
    assert len(found) == CROPS
    assert 0 < found.max() <= (1 - SHARE) * 60 / 2 + 0.5
    assert found.tolist() == pytest.approx(distances(ramp).tolist())
