from __future__ import annotations

from typing import Literal

import pytest
import torch

from selfvid.data.digits.glyphs import load_glyphs
from selfvid.data.digits.moving_digits import bouncing, drifting, generator_for
from selfvid.data.digits.stream import DIGITS_SEED, DigitStream
from selfvid.errors import InputError


@pytest.mark.parametrize("kind", ["bouncing", "drifting"])
def test_a_stream_is_a_function_of_seed_and_number(kind: Literal["bouncing", "drifting"]) -> None:
    stream = DigitStream(kind=kind, frames=3, seed=5)
    first = [stream.batch(number, clips=2).frames for number in range(3)]
    again = DigitStream(kind=kind, frames=3, seed=5)
    assert all(torch.equal(again.batch(n, clips=2).frames, first[n]) for n in (2, 0, 1))
    assert not torch.equal(first[0], first[1])
    other = DigitStream(kind=kind, frames=3, seed=6)
    assert not torch.equal(other.batch(0, clips=2).frames, first[1])


def test_the_parts_of_a_stream_share_no_glyph() -> None:
    train, test = (DigitStream(split=split).batch(0, clips=1) for split in ("train", "test"))
    assert not torch.equal(train.frames, test.frames)


def test_a_range_of_steps_may_be_a_list_as_recipes_have_it() -> None:
    stream = DigitStream(frames=3, step=[0.02, 0.2])  # type: ignore[arg-type]
    assert torch.equal(
        stream.batch(0, clips=2).frames,
        DigitStream(frames=3, step=(0.02, 0.2)).batch(0, clips=2).frames,
    )


def test_a_stream_that_cannot_flow_is_refused_when_it_is_made() -> None:
    with pytest.raises(InputError, match="canvas is 20 pixels"):
        DigitStream(canvas=20)
    with pytest.raises(InputError, match="kind is 'falling'; expected bouncing or drifting"):
        DigitStream(kind="falling")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["bouncing", "drifting"])
def test_a_batch_is_drawn_from_a_generator_of_seed_number_and_size(
    kind: Literal["bouncing", "drifting"],
) -> None:
    stream = DigitStream(kind=kind, frames=4, canvas=40, step=0.2, speed=1.5, digits=3, seed=7)
    generator = generator_for(DIGITS_SEED, 7, 2, 5)
    glyphs = load_glyphs("sklearn", split="train")
    if kind == "bouncing":
        expected = bouncing(
            glyphs, batch=5, generator=generator, frames=4, digits=3, canvas=40, step=0.2
        )
    else:
        expected = drifting(glyphs, batch=5, generator=generator, frames=4, canvas=40, speed=1.5)
    made = stream.batch(2, clips=5)
    assert torch.equal(made.frames, expected.frames)
    assert torch.equal(made.offsets, expected.offsets)


def test_two_streams_with_the_same_settings_are_equal() -> None:
    assert DigitStream(seed=1) == DigitStream(seed=1)
    assert DigitStream(seed=1) != DigitStream(seed=2)
