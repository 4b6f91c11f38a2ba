from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import chi2_contingency
from torch import Tensor

from selfvid.data.digits.glyphs import Glyphs, load_glyphs
from selfvid.data.digits.moving_digits import (
    DIRECTIONS,
    MovingDigits,
    bounce,
    bouncing,
    drift,
    drifting,
    generator_for,
    throws,
)
from selfvid.errors import InputError
from tests.reference import moving_digits as reference

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture(scope="module")
def glyphs() -> Glyphs:
    return load_glyphs("sklearn", split="train")


def white_square() -> Glyphs:
    """One glyph that fills its box, so that every pixel of it is seen."""
    return Glyphs(torch.full((1, 28, 28), 255, dtype=torch.uint8), torch.tensor([0]), "train")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("digits", "canvas"), [(1, 64), (2, 64), (3, 49), (2, 28)])
def test_bouncing_equals_the_loop_to_the_bit(
    glyphs: Glyphs, digits: int, canvas: int, device: str
) -> None:
    generator = generator_for(1)
    chosen = torch.randint(len(glyphs), (12, digits), generator=generator)
    starts, velocities = throws((12, digits), step=(0.05, 0.3), generator=generator)
    made = bounce(
        glyphs.to(device),
        chosen.to(device),
        starts=starts.to(device),
        velocities=velocities.to(device),
        frames=40,
        canvas=canvas,
    )
    assert (made.velocities.sign().diff(dim=1) != 0).any() or canvas == 28, "nothing bounced"
    for row in range(12):
        expected = reference.bounce(
            glyphs.images[chosen[row]].numpy(),
            starts[row].numpy(),
            velocities[row].numpy(),
            frames=40,
            canvas=canvas,
        )
        assert np.array_equal(made.frames[row, :, 0].cpu().numpy(), expected)


def test_bounce_follows_hand_arithmetic() -> None:
    made = bounce(
        white_square(),
        torch.zeros(1, 1, dtype=torch.int64),
        starts=torch.tensor([[[0.5, 0.25]]], dtype=torch.float64),
        velocities=torch.tensor([[[0.375, -0.25]]], dtype=torch.float64),
        frames=4,
        canvas=28 + 16,
    )
    # x: 0.875, then 1.25 is clamped to 1 and turns, 0.625, 0.25.
    # y: 0 is the wall already and turns, 0.25, 0.5, 0.75.
    assert made.offsets[0, :, 0, 0].tolist() == [14, 16, 10, 4]
    assert made.offsets[0, :, 0, 1].tolist() == [0, 4, 8, 12]
    assert made.velocities[0, :, 0].tolist() == [[6, 4], [-6, 4], [-6, 4], [-6, 4]]


def test_where_digits_overlap_the_brighter_pixel_wins() -> None:
    images = torch.stack([torch.full((28, 28), 100), torch.full((28, 28), 200)]).to(torch.uint8)
    pair = Glyphs(images, torch.tensor([0, 1]), "train")
    for order in ([0, 1], [1, 0]):
        made = bounce(
            pair,
            torch.tensor([order]),
            starts=torch.zeros(1, 2, 2, dtype=torch.float64) + 0.5,
            velocities=torch.zeros(1, 2, 2, dtype=torch.float64),
            frames=1,
            canvas=64,
        )
        assert made.frames.unique().tolist() == [0, 200]
        assert (made.frames == 200).sum() == 28 * 28


def test_bouncing_keeps_the_authors_speed(glyphs: Glyphs) -> None:
    made = bouncing(glyphs, batch=50, generator=generator_for(0))
    assert made.frames.shape == (50, 20, 1, 64, 64)
    torch.testing.assert_close(made.velocities.norm(dim=-1), torch.full((50, 20, 2), 3.6).double())
    assert torch.equal(made.labels, glyphs.labels[made.glyphs])


def test_speeds_are_drawn_from_the_whole_range(glyphs: Glyphs) -> None:
    made = bouncing(glyphs, batch=500, frames=1, step=(0.1, 0.2), generator=generator_for(0))
    speeds = made.velocities.norm(dim=-1) / 36
    assert 0.1 <= speeds.min() < 0.105
    assert 0.195 < speeds.max() <= 0.2


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("canvas", [28, 45, 64])
def test_drifting_equals_rolling_the_canvas(glyphs: Glyphs, canvas: int, device: str) -> None:
    directions = torch.arange(8)
    starts = torch.rand(8, 2, generator=generator_for(2), dtype=torch.float64) * canvas
    made = drift(
        glyphs.to(device),
        directions.to(device),
        starts=starts.to(device),
        directions=directions.to(device),
        frames=30,
        canvas=canvas,
        speed=2.7,
    )
    for row, unit in enumerate(DIRECTIONS.values()):
        expected = reference.drift(
            glyphs.images[row].numpy(),
            starts[row].numpy(),
            2.7 * np.array(unit),
            frames=30,
            canvas=canvas,
        )
        assert np.array_equal(made.frames[row, :, 0].cpu().numpy(), expected)


def test_no_pixel_is_lost_across_the_border(glyphs: Glyphs) -> None:
    made = drifting(glyphs, batch=64, generator=generator_for(3))
    light = made.frames.flatten(2).long().sum(-1)
    assert torch.equal(light, light[:, :1].expand_as(light))
    assert torch.equal(light[:, 0], glyphs.images[made.glyphs[:, 0]].flatten(1).long().sum(-1))


@pytest.mark.parametrize("speed", [1.0, 2.0, 3.3])
@pytest.mark.parametrize("direction", range(8))
def test_at_every_frame_a_digit_is_at_every_place_once(speed: float, direction: int) -> None:
    # Starts on a grid with any fraction stand for all starts: a direction moves them around.
    side = 32
    grid = torch.cartesian_prod(torch.arange(side), torch.arange(side)).double()
    made = drift(
        white_square(),
        torch.zeros(side**2, dtype=torch.int64),
        starts=grid + torch.tensor([0.3, 0.9]).double(),
        directions=torch.full((side**2,), direction),
        frames=5,
        canvas=side,
        speed=speed,
    )
    for frame in range(5):
        assert len(made.offsets[:, frame, 0].unique(dim=0)) == side**2


def dependence(directions: Tensor, kinds: Tensor) -> float:
    """The p-value of a chi-square test that `kinds` (B,) do not depend on `directions` (B,)."""
    counts = torch.zeros(8, int(kinds.max()) + 1)
    counts.index_put_((directions, kinds), torch.ones(len(kinds)), accumulate=True)
    return float(chi2_contingency(counts[:, counts.sum(0) > 0].numpy()).pvalue)


def test_place_in_a_single_frame_does_not_depend_on_direction(glyphs: Glyphs) -> None:
    made = drifting(glyphs, batch=6000, frames=8, canvas=32, generator=generator_for(4))
    assert made.directions is not None
    cells = (made.offsets[:, :, 0] // 8) @ torch.tensor([4, 1])  # 16 cells, (B, T)
    for frame in (0, 7):
        assert dependence(made.directions, cells[:, frame]) > 0.01
    moved = (made.offsets[:, 1, 0] - made.offsets[:, 0, 0] + 16) % 32 - 16  # around the torus
    assert dependence(made.directions, (moved.sign() + 1) @ torch.tensor([3, 1])) < 1e-6


def test_two_frames_tell_the_direction(glyphs: Glyphs) -> None:
    made = drifting(glyphs, batch=64, frames=5, generator=generator_for(5))
    assert made.directions is not None
    # The peak of the circular correlation of two frames is at the displacement.
    first, last = (torch.fft.rfft2(made.frames[:, t, 0].double()) for t in (0, 4))
    peaks = torch.fft.irfft2(last * first.conj()).flatten(1).argmax(1)
    moved = torch.stack((peaks % 64, peaks // 64), 1)
    moved = torch.where(moved > 32, moved - 64, moved).double()
    units = torch.tensor(list(DIRECTIONS.values())).double()
    assert torch.equal((moved @ units.T).argmax(1), made.directions)
    assert (moved.norm(dim=1) - 4 * 2.0).abs().max() < 1.5


def test_all_directions_move_equally_far(glyphs: Glyphs) -> None:
    made = drifting(glyphs, batch=200, frames=3, speed=2.5, generator=generator_for(0))
    torch.testing.assert_close(made.velocities.norm(dim=-1), torch.full((200, 3, 1), 2.5).double())


def draw_bouncing(glyphs: Glyphs, seed: int) -> MovingDigits:
    return bouncing(glyphs, batch=4, generator=generator_for(seed))


def draw_drifting(glyphs: Glyphs, seed: int) -> MovingDigits:
    return drifting(glyphs, batch=4, generator=generator_for(seed))


@pytest.mark.parametrize("draw", [draw_bouncing, draw_drifting])
def test_seed_decides_the_sequences(
    glyphs: Glyphs, draw: Callable[[Glyphs, int], MovingDigits]
) -> None:
    assert torch.equal(draw(glyphs, 7).frames, draw(glyphs, 7).frames)
    assert not torch.equal(draw(glyphs, 7).frames, draw(glyphs, 8).frames)


def test_colour_frames_repeat_the_grey_ones(glyphs: Glyphs) -> None:
    made = draw_bouncing(glyphs, 0)
    assert made.rgb().shape == (4, 20, 3, 64, 64)
    assert all(torch.equal(made.rgb()[:, :, c], made.frames[:, :, 0]) for c in range(3))


def test_what_cannot_move_is_refused_in_one_line(glyphs: Glyphs) -> None:
    generator = generator_for(0)
    with pytest.raises(InputError, match=r"canvas is 27 pixels; expected at least a glyph's 28"):
        bouncing(glyphs, batch=1, canvas=27, generator=generator)
    with pytest.raises(InputError, match=r"step is \(0.3, 0.1\); expected 0 to 1"):
        bouncing(glyphs, batch=1, step=(0.3, 0.1), generator=generator)
    with pytest.raises(InputError, match=r"speed is 32 pixels per frame; expected 0 to 32\.0"):
        drifting(glyphs, batch=1, speed=32, generator=generator)
    with pytest.raises(InputError, match="frames is 0; expected at least 1"):
        drifting(glyphs, batch=1, frames=0, generator=generator)
