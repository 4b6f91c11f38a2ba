import math

import numpy as np
import pytest
import torch

from selfvid.errors import InputError
from selfvid.objectives.descriptors import ORIENTATIONS, MotionDescriptor, oriented_gradients
from tests.reference.histograms import slow_histograms

FLOW = torch.randn(2, 7, 2, 8, 12, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("subtract_mean", [False, True])
def test_windows_have_the_roots_of_the_mean_histograms_of_their_parts(subtract_mean: bool) -> None:
    describe = MotionDescriptor(
        directions=5, grids=(4, 1), parts=2, power=0.5, subtract_mean=subtract_mean
    )
    made = describe(FLOW, window=5, stride=3)  # fields 0 to 3, and 3 to 6
    for grid, found in zip((4, 1), made, strict=True):
        assert found.shape == (2, 2, 2 * 5, grid, grid)
        for clip in range(2):
            for step, first in enumerate((0, 3)):
                for part in range(2):
                    fields = FLOW[clip, first + 2 * part : first + 2 * part + 2].clone()
                    if subtract_mean:
                        fields -= fields.mean((2, 3), keepdim=True)
                    slow = np.sqrt(slow_histograms(fields, grid=grid, bins=5).mean(0))
                    bins = found[clip, step, 5 * part : 5 * part + 5].permute(1, 2, 0)
                    assert np.allclose(bins.numpy(), slow, atol=1e-5)


def test_camera_motion_is_not_described_once_the_mean_is_removed() -> None:
    camera = torch.tensor([2.0, -1.0])[:, None, None]
    removed = MotionDescriptor(grids=(2,), subtract_mean=True)
    kept = MotionDescriptor(grids=(2,))
    window = {"window": 2, "stride": 1}
    torch.testing.assert_close(removed(FLOW + camera, **window), removed(FLOW, **window))
    assert float((kept(FLOW + camera, **window)[0] - kept(FLOW, **window)[0]).abs().max()) > 0.5


def test_uniform_motion_is_given_back_as_a_displacement() -> None:
    angle = 3 * 2 * math.pi / 8  # the middle of the fourth direction
    field = 1.7 * torch.tensor([math.cos(angle), math.sin(angle)])
    describe = MotionDescriptor(grids=(2,), parts=2)
    (found,) = describe(field[:, None, None].expand(1, 2, 2, 6, 6), window=3, stride=1)
    displaced = describe.displacement(found)  # (1, 1, 2, 2, 2)
    torch.testing.assert_close(displaced, field[:, None, None].expand_as(displaced))


def test_oriented_gradients_are_histograms_of_differences_pixel_by_pixel() -> None:
    frames = torch.randint(0, 256, (2, 3, 9, 10), generator=torch.Generator().manual_seed(1))
    made = oriented_gradients(frames, grid=2)
    assert made.shape == (2, ORIENTATIONS, 2, 2)
    for number in range(2):
        red, green, blue = frames[number].double() / 255
        grey = 0.299 * red + 0.587 * green + 0.114 * blue
        field = torch.zeros(1, 2, 9, 10)
        for v in range(9):
            for u in range(10):
                if 0 < u < 9:
                    field[0, 0, v, u] = (grey[v, u + 1] - grey[v, u - 1]) / 2
                if 0 < v < 8:
                    field[0, 1, v, u] = (grey[v + 1, u] - grey[v - 1, u]) / 2
        (slow,) = slow_histograms(field, grid=2, bins=ORIENTATIONS, signed=False)
        slow /= np.linalg.norm(slow, axis=-1, keepdims=True)
        assert np.allclose(made[number].permute(1, 2, 0).numpy(), slow, atol=1e-4)


def test_an_even_frame_has_no_gradients() -> None:
    assert not bool(oriented_gradients(torch.full((1, 3, 8, 8), 90), grid=2).any())


@pytest.mark.parametrize("wrong", [{"grids": ()}, {"directions": 0}, {"parts": 0}, {"power": 0}])
def test_a_descriptor_without_numbers_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="expected positive numbers, and at least one grid"):
        MotionDescriptor(**wrong)  # type: ignore[arg-type]
