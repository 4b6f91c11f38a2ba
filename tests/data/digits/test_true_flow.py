"""The true flow of moving digits carries each frame to the next."""

import pytest
import torch

from selfvid.data.digits.glyphs import Glyphs, load_glyphs
from selfvid.data.digits.moving_digits import (
    MovingDigits,
    bounce,
    bouncing,
    drifting,
    generator_for,
)
from selfvid.data.digits.true_flow import digit_flow
from selfvid.flow import end_point_error, warp


@pytest.fixture(scope="module")
def glyphs() -> Glyphs:
    return load_glyphs("sklearn", split="train")


def make(kind: str, glyphs: Glyphs) -> MovingDigits:
    if kind == "bouncing":
        return bouncing(glyphs, batch=6, frames=12, digits=3, generator=generator_for(1))
    return drifting(glyphs, batch=16, frames=12, speed=4.3, generator=generator_for(1))


@pytest.mark.parametrize("kind", ["bouncing", "drifting"])
def test_warping_a_frame_by_the_true_flow_gives_the_next(kind: str, glyphs: Glyphs) -> None:
    made = make(kind, glyphs)
    if kind == "bouncing":
        assert (made.velocities.sign().diff(dim=1) != 0).any(), "nothing bounced"
    true = digit_flow(made, glyphs)
    frames = made.frames.float()
    carried = warp(frames[:, :-1].flatten(0, 1), true.flow.flatten(0, 1))
    carried = carried.view(frames[:, 1:].shape)[:, :, 0]
    later = frames[:, 1:, 0]
    assert torch.equal(carried[true.known], later[true.known])
    assert (frames[:, :-1, 0][true.known] != later[true.known]).any(), "nothing moved"
    assert (true.flow.movedim(2, -1)[~true.known] == 0).all()


def test_flow_is_known_where_one_digit_alone_draws(glyphs: Glyphs) -> None:
    made = make("bouncing", glyphs)
    true = digit_flow(made, glyphs)
    for row in range(2):
        for step in range(11):
            ink: dict[tuple[int, int, int], set[int]] = {}
            for frame in (step, step + 1):
                for digit in range(3):
                    left, top = made.offsets[row, frame, digit].tolist()
                    image = glyphs.images[made.glyphs[row, digit]]
                    for y, x in image.nonzero().tolist():
                        ink.setdefault((frame, top + y, left + x), set()).add(digit)
            known = torch.zeros(64, 64, dtype=torch.bool)
            for (frame, y, x), digits in ink.items():
                if frame == step + 1 and len(digits) == 1:
                    (digit,) = digits
                    back = made.offsets[row, step, digit] - made.offsets[row, step + 1, digit]
                    source = (step, y + int(back[1]), x + int(back[0]))
                    known[y, x] = len(ink[source]) == 1
                    if known[y, x]:
                        assert true.flow[row, step, :, y, x].tolist() == back.tolist()
            assert torch.equal(true.known[row, step], known)


def test_flow_looks_back_with_x_before_y() -> None:
    square = Glyphs(torch.full((1, 28, 28), 255, dtype=torch.uint8), torch.tensor([0]), "train")
    made = bounce(
        square,
        torch.zeros(1, 1, dtype=torch.int64),
        starts=torch.tensor([[[0.25, 0.5]]], dtype=torch.float64),
        velocities=torch.tensor([[[0.125, -0.0625]]], dtype=torch.float64),
        frames=2,
        canvas=28 + 16,
    )
    true = digit_flow(made, square)
    assert true.known.sum() == 28 * 28
    assert true.flow.movedim(2, -1)[true.known].unique(dim=0).tolist() == [[-2, 1]]


def test_what_comes_in_across_the_border_has_no_known_origin(glyphs: Glyphs) -> None:
    made = drifting(glyphs, batch=200, frames=2, canvas=32, speed=3, generator=generator_for(2))
    true = digit_flow(made, glyphs)
    drawn = made.frames[:, 1, 0] > 0
    entered = drawn & ~true.known[:, 0]
    assert entered.any()
    y, x = entered.nonzero().T[1:]
    to_border = torch.stack((x, y, 31 - x, 31 - y)).amin(0)
    assert to_border.max() <= 3


def test_no_flow_is_as_wrong_as_digits_are_fast(glyphs: Glyphs) -> None:
    made = drifting(glyphs, batch=64, frames=9, speed=4.0, generator=generator_for(3))
    true = digit_flow(made, glyphs)
    error = end_point_error(torch.zeros_like(true.flow), true.flow, where=true.known)
    assert error.item() == pytest.approx(4.0, abs=0.1)
