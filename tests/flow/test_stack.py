from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from selfvid.errors import InputError
from selfvid.flow.stack import (
    along_paths,
    both_ways_indices,
    flip_flow,
    flow_image,
    stack_both_ways,
    stack_flow,
    stack_indices,
)


def _fields(count: int, *, height: int = 5, width: int = 7, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 2, height, width, generator=generator, dtype=torch.float64) * scale


def _looked_up(field: Tensor, x: float, y: float) -> tuple[float, float]:
    """The field at a place between its pixels, weighed by hand; as at the border beyond it."""
    height, width = field.shape[-2:]
    x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
    left, top = min(int(x), width - 2), min(int(y), height - 2)
    right, low = x - left, y - top
    found = []
    for c in (0, 1):
        corner = field[c, top : top + 2, left : left + 2].tolist()
        upper = (1 - right) * corner[0][0] + right * corner[0][1]
        lower = (1 - right) * corner[1][0] + right * corner[1][1]
        found.append((1 - low) * upper + low * lower)
    return found[0], found[1]


def _walked(fields: Tensor) -> Tensor:
    """The slow way: every pixel walks by itself."""
    found = torch.zeros_like(fields)
    for v in range(fields.shape[-2]):
        for u in range(fields.shape[-1]):
            x, y = float(u), float(v)
            for k, field in enumerate(fields):
                dx, dy = _looked_up(field, x, y)
                found[k, 0, v, u], found[k, 1, v, u] = dx, dy
                x, y = x + dx, y + dy
    return found


def test_channels_are_x_and_y_in_turn_from_each_start() -> None:
    fields = _fields(9)
    stacks = stack_flow(fields[stack_indices([0, 4, 2], length=4)], subtract_mean=False)
    assert stacks.shape == (3, 8, 5, 7)
    for s, start in enumerate([0, 4, 2]):
        for k in range(4):
            for c in (0, 1):
                assert (stacks[s, 2 * k + c] == fields[start + k, c]).all()


def test_each_field_loses_its_own_mean() -> None:
    fields = _fields(6) + torch.arange(6.0)[:, None, None, None]
    stack = stack_flow(fields[None])[0]
    for k in range(6):
        for c in (0, 1):
            plain = fields[k, c]
            assert torch.allclose(stack[2 * k + c], plain - plain.mean())


@pytest.mark.parametrize("scale", [0.4, 3.0])
def test_paths_are_those_that_pixels_walk(scale: float) -> None:
    fields = torch.stack([_fields(5, scale=scale), _fields(5, scale=-scale)])
    found = along_paths(fields)
    for s in (0, 1):
        assert torch.allclose(found[s], _walked(fields[s]), atol=1e-9)


def test_the_first_field_of_a_path_is_the_field_itself() -> None:
    fields = _fields(3)[None]
    assert torch.allclose(along_paths(fields)[:, 0], fields[:, 0])


def test_a_path_through_even_flow_is_the_place() -> None:
    fields = torch.arange(8.0).view(1, 4, 2, 1, 1).expand(1, 4, 2, 5, 7)
    along = stack_flow(fields, along="path", subtract_mean=False)
    assert torch.allclose(along, stack_flow(fields, subtract_mean=False))
    assert stack_flow(fields, along="path").abs().max() < 1e-6


def test_both_ways_leads_outward_from_the_frame() -> None:
    forward, backward = both_ways_indices([3, 5], length=6)
    assert forward.tolist() == [[3, 4, 5], [5, 6, 7]]
    assert backward.tolist() == [[2, 1, 0], [4, 3, 2]]


def test_both_ways_has_as_many_channels_forward_as_backward() -> None:
    ahead, behind = _fields(9), _fields(9) + 1
    forward, backward = both_ways_indices([4], length=4)
    stack = stack_both_ways(ahead[forward], behind[backward], subtract_mean=False)[0]
    assert stack.shape == (8, 5, 7)
    expected = [ahead[4, 0], ahead[4, 1], ahead[5, 0], ahead[5, 1]]
    expected += [behind[3, 0], behind[3, 1], behind[2, 0], behind[2, 1]]
    assert all((one == other).all() for one, other in zip(stack, expected, strict=True))


def test_a_path_both_ways_is_followed_on_either_side() -> None:
    ahead, behind = _fields(2)[None], _fields(2, scale=2)[None]
    stack = stack_both_ways(ahead, behind, along="path", subtract_mean=False)[0]
    expected = torch.cat([_walked(ahead[0]).flatten(0, 1), _walked(behind[0]).flatten(0, 1)])
    assert torch.allclose(stack, expected, atol=1e-9)


def test_mirrored_flow_goes_the_other_way_along_x_alone() -> None:
    fields = _fields(3)
    flipped = flip_flow(fields)
    for v in range(5):
        for u in range(7):
            assert (flipped[:, 0, v, u] == -fields[:, 0, v, 6 - u]).all()
            assert (flipped[:, 1, v, u] == fields[:, 1, v, 6 - u]).all()
    stack = stack_flow(fields[None], subtract_mean=False)
    assert (flip_flow(stack)[0] == flip_flow(fields).flatten(0, 1)).all()


def test_stacking_mirrored_fields_is_mirroring_the_stack() -> None:
    fields = _fields(4, scale=0.7)[None]
    for along in ("place", "path"):
        one = stack_flow(flip_flow(fields), along=along)
        other = flip_flow(stack_flow(fields, along=along))
        assert torch.allclose(one, other, atol=1e-9)


def test_flow_as_a_picture_has_x_y_and_length() -> None:
    field = torch.tensor([[3.0, -1.0, 0.0, 90.0], [4.0, 0.5, 0.0, -90.0]])[:, None]
    picture = flow_image(field)
    assert picture[:, 0, 0].tolist() == [128 + 48, 128 + 64, 128 + 80]
    assert picture[:, 0, 1].tolist() == pytest.approx(
        [112, 136, 128 + 16 * math.hypot(1, 0.5)], abs=1e-4
    )
    assert picture[:, 0, 2].tolist() == [128, 128, 128]
    assert picture[:, 0, 3].tolist() == [255, 0, 255]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stack_flow(_fields(3)), r"fields are torch.float64 \(3, 2, 5, 7\)"),
        (lambda: stack_flow(torch.zeros(1, 3, 2, 5, 7, dtype=torch.uint8)), "torch.uint8"),
        (lambda: stack_flow(_fields(3)[None], along="line"), "along is 'line'"),  # type: ignore[arg-type]
        (lambda: both_ways_indices([5], length=5), "length is 5 fields; expected an even"),
        (lambda: stack_both_ways(_fields(2)[None], _fields(3)[None]), "the same shape"),
        (lambda: flip_flow(_fields(2)[:, :1]), "expected"),
        (lambda: flow_image(_fields(2)[:, :1]), "expected floats"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(InputError, match=message):
        call()
