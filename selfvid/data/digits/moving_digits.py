"""Sequences of moving handwritten digits, drawn for a whole batch at once.

`bouncing` is the Moving MNIST of Srivastava, Mansimov and Salakhutdinov (ICML 2015,
arXiv:1502.04681), exactly as the authors' code makes it. In nearly every such sequence a digit
bounces, so the sequence has no single direction. `drifting` is a variant in which a digit keeps
its direction, to test whether an encoder recognises the direction of motion.

Positions are (x, y) in pixels, x to the right and y down, of the top left corner of a glyph (the
image of a digit).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from selfvid.data.digits.glyphs import Glyphs
from selfvid.errors import InputError

_DIAGONAL = math.sqrt(0.5)

# The smallest and the largest position in the unit square that is not on a wall: no sum of steps
# comes closer to a wall without reaching it.
_INSIDE = (torch.finfo(torch.float64).tiny, 1 - torch.finfo(torch.float64).eps / 2)

# Unit vectors. They are written out, because a computed cosine of a right angle is not exactly 0.
DIRECTIONS: dict[str, tuple[float, float]] = {
    "right": (1.0, 0.0),
    "up_right": (_DIAGONAL, -_DIAGONAL),
    "up": (0.0, -1.0),
    "up_left": (-_DIAGONAL, -_DIAGONAL),
    "left": (-1.0, 0.0),
    "down_left": (-_DIAGONAL, _DIAGONAL),
    "down": (0.0, 1.0),
    "down_right": (_DIAGONAL, _DIAGONAL),
}

# Pixels drawn at once on a CPU: few enough that they are still in its cache for the next digit.
_CACHED = 2**20


@dataclass(frozen=True, repr=False)
class MovingDigits:
    """B sequences of N digits each, and how they were made.

    Attributes:
        frames: grey frames, uint8 (B, T, 1, H, W).
        labels: the digits, int64 (B, N).
        glyphs: indices of their images in the `Glyphs`, int64 (B, N).
        offsets: position at which each glyph was drawn, int64 (B, T, N, 2); its difference over
            time is the true displacement (around the torus for drifting digits).
        velocities: velocity of each glyph after each frame, pixels per frame, float64
            (B, T, N, 2).
        directions: index into `DIRECTIONS` for drifting digits, int64 (B,); otherwise None.
    """

    frames: Tensor
    labels: Tensor
    glyphs: Tensor
    offsets: Tensor
    velocities: Tensor
    directions: Tensor | None = None

    def __repr__(self) -> str:
        return f"MovingDigits({tuple(self.frames.shape)}, {self.labels.shape[1]} digits each)"

    def rgb(self) -> Tensor:
        """Return the frames with three equal channels, uint8 (B, T, 3, H, W), as a view."""
        return self.frames.expand(-1, -1, 3, -1, -1)


def bouncing(
    glyphs: Glyphs,
    *,
    batch: int,
    generator: torch.Generator,
    frames: int = 20,
    digits: int = 2,
    canvas: int = 64,
    step: float | tuple[float, float] = 0.1,
    device: torch.device | str = "cpu",
) -> MovingDigits:
    """Draw random sequences of digits that bounce off the walls.

    Args:
        glyphs: the digit images to choose from, all with the same probability.
        batch: B, number of sequences.
        generator: source of all random numbers; the same state on the same kind of device gives
            the same sequences, whatever the device of the frames is.
        frames: T, frames of a sequence.
        digits: N, digits in a sequence; if they overlap, the brighter pixel is shown.
        canvas: H and W in pixels.
        step: distance per frame as a share of the free canvas (canvas minus glyph). The authors'
            code always takes 0.1; two numbers are a range from which a step is drawn for each
            digit, as in the paper.
        device: device to draw the frames on.

    Raises:
        InputError: If a size is not positive, the canvas is smaller than a glyph, or the range
            of steps is not in order.
    """
    _check_sizes(glyphs, batch=batch, frames=frames, digits=digits, canvas=canvas)
    chosen = _integers(len(glyphs), (batch, digits), generator)
    starts, velocities = throws((batch, digits), step=step, generator=generator)
    return bounce(
        glyphs.to(device),
        chosen.to(device),
        starts=starts,
        velocities=velocities,
        frames=frames,
        canvas=canvas,
    )


def throws(
    shape: tuple[int, ...], *, step: float | tuple[float, float], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw random starts and velocities of digits, with uniformly distributed angles.

    Args:
        shape: number of sequences and of digits (B, N).
        step: distance per frame, or its range, as for `bouncing`.
        generator: source of all random numbers.

    Returns:
        Starts and velocities, float64 (B, N, 2), as `bounce` takes them.

    Raises:
        InputError: If the range of steps is not in order, or not within 0 and 1.
    """
    slowest, fastest = step if isinstance(step, tuple) else (step, step)
    if not 0 <= slowest <= fastest <= 1:
        raise InputError(f"step is {step}; expected 0 to 1, or a range in order within it")
    starts = _uniform((*shape, 2), generator)
    angles = _uniform(shape, generator) * 2 * math.pi
    steps = slowest + (fastest - slowest) * _uniform(shape, generator)
    return starts, steps[..., None] * torch.stack((angles.cos(), angles.sin()), -1)  # (B, N, 2)


def bounce(
    glyphs: Glyphs,
    chosen: Tensor,
    *,
    starts: Tensor,
    velocities: Tensor,
    frames: int,
    canvas: int,
) -> MovingDigits:
    """Draw the bouncing sequences with given starts and velocities.

    Args:
        glyphs: the digit images, on the device to draw on.
        chosen: indices of the images to draw, int64 (B, N).
        starts: positions in the unit square, float64 (B, N, 2); frame 0 is one step later. The
            paths are computed on the device of this tensor. A CPU is faster for these many small
            operations.
        velocities: velocities in the unit square per frame, float64 (B, N, 2).
        frames: T, frames of a sequence.
        canvas: H and W in pixels.
    """
    free = canvas - glyphs.images.shape[-1]
    place, velocity = starts, velocities
    places, left_with = [], []
    for _ in range(frames):
        place = place + velocity
        velocity = torch.where(place.clamp(*_INSIDE) == place, velocity, -velocity)
        place = place.clamp(0, 1)
        places.append(place)
        left_with.append(velocity)
    # Truncated to whole pixels, as in the authors' code.
    offsets = (torch.stack(places, 1) * free).to(torch.int64).to(chosen.device)  # (B, T, N, 2)
    return MovingDigits(
        frames=draw(glyphs.images, chosen, offsets, side=canvas)[:, :, None],
        labels=glyphs.labels[chosen],
        glyphs=chosen,
        offsets=offsets,
        velocities=(torch.stack(left_with, 1) * free).to(chosen.device),
    )


def drifting(
    glyphs: Glyphs,
    *,
    batch: int,
    generator: torch.Generator,
    frames: int = 20,
    canvas: int = 64,
    speed: float = 2.0,
    device: torch.device | str = "cpu",
) -> MovingDigits:
    """Draw random sequences of one digit that keeps moving in one of eight directions.

    The canvas is a torus: what leaves on one side enters on the opposite side, parts of a glyph
    included. The digit starts at every position with the same probability. It is therefore at
    every position with the same probability in every frame, whatever its direction, and a single
    frame contains no information on the direction.

    Args:
        glyphs: the digit images to choose from, all with the same probability.
        batch: B, number of sequences.
        generator: source of all random numbers, as for `bouncing`.
        frames: T, frames of a sequence.
        canvas: H and W in pixels.
        speed: pixels per frame along the direction of motion. It is the same for all directions,
            so that diagonal motion cannot be recognised by the amount of change. It must be
            below half a canvas, because faster motion looks like motion in the opposite
            direction; in clips that take every k-th frame, motion is k times as fast.
        device: device to draw the frames on.

    Raises:
        InputError: If a size or the speed is out of its range.
    """
    _check_sizes(glyphs, batch=batch, frames=frames, digits=1, canvas=canvas)
    if not 0 < speed < canvas / 2:
        raise InputError(
            f"speed is {speed} pixels per frame; expected 0 to {canvas / 2} (canvas/2)"
        )
    chosen = _integers(len(glyphs), (batch,), generator)
    starts = _uniform((batch, 2), generator) * canvas
    directions = _integers(len(DIRECTIONS), (batch,), generator)
    return drift(
        glyphs.to(device),
        chosen.to(device),
        starts=starts.to(device),
        directions=directions.to(device),
        frames=frames,
        canvas=canvas,
        speed=speed,
    )


def drift(
    glyphs: Glyphs,
    chosen: Tensor,
    *,
    starts: Tensor,
    directions: Tensor,
    frames: int,
    canvas: int,
    speed: float,
) -> MovingDigits:
    """Draw the drifting sequences with given starts and directions.

    Args:
        glyphs: the digit images, on the device to draw on.
        chosen: indices of the images to draw, int64 (B,).
        starts: positions in frame 0 in pixels, float64 (B, 2).
        directions: indices into `DIRECTIONS`, int64 (B,).
        frames: T, frames of a sequence.
        canvas: H and W in pixels.
        speed: pixels per frame.
    """
    units = torch.tensor(list(DIRECTIONS.values()), dtype=torch.float64, device=starts.device)
    velocities = speed * units[directions]  # (B, 2)
    times = torch.arange(frames, device=starts.device)
    places = starts[:, None] + times[:, None] * velocities[:, None]  # (B, T, 2)
    offsets = (places.floor().to(torch.int64) % canvas)[:, :, None]  # (B, T, 1, 2)
    chosen = chosen[:, None]  # (B, 1)
    return MovingDigits(
        frames=draw_around(glyphs.images, chosen, offsets, side=canvas)[:, :, None],
        labels=glyphs.labels[chosen],
        glyphs=chosen,
        offsets=offsets,
        velocities=velocities[:, None, None].expand(-1, frames, -1, -1),
        directions=directions,
    )


def generator_for(*numbers: int) -> torch.Generator:
    """Return a CPU generator whose seed is a hash of all the numbers."""
    seed = np.random.SeedSequence(numbers).generate_state(1)[0]
    return torch.Generator().manual_seed(int(seed))


def draw(images: Tensor, chosen: Tensor, offsets: Tensor, *, side: int) -> Tensor:
    """Draw glyphs on a black canvas; if they overlap, the brighter pixel is shown.

    Each glyph is laid out in rows as long as those of the canvas, with black before and after
    it. Every frame that shows the glyph is then one run of consecutive pixels of that layout.
    For a glyph with the rows AB and CD and a canvas of side 4::

        ..........AB..CD..........
                  AB..CD..........    from the glyph on: AB.. CD.. .... ....  offset (0, 0)
             .....AB..CD.....         from 5 before it:  .... .AB. .CD. ....  offset (1, 1)

    Drawing is therefore copying of runs, for which every device needs only the time of reading
    and writing memory.

    Args:
        images: images of glyphs, (M, h, w).
        chosen: indices of the images to draw, int64 (B, N).
        offsets: positions to draw them at, int64 (B, T, N, 2).
        side: height and width of the canvas in pixels.

    Returns:
        Digits on black, (B, T, side, side).
    """
    runs, glyph = _runs(images, chosen, side)
    x, y = offsets.unbind(-1)
    begins = (glyph[:, None] - (y * side + x)).flatten(0, 1)  # (B * T, N)
    canvas = images.new_empty(*offsets.shape[:2], side, side)
    at_once = max(1, _CACHED // side**2) if canvas.is_cpu else len(begins)
    parts = zip(canvas.view(-1, side**2).split(at_once), begins.split(at_once), strict=True)
    for part, begin in parts:
        first, *others = begin.unbind(1)
        torch.index_select(runs, 0, first, out=part)
        for other in others:
            torch.maximum(part, runs.index_select(0, other), out=part)
    return canvas


def draw_around(images: Tensor, chosen: Tensor, offsets: Tensor, *, side: int) -> Tensor:
    """Draw glyphs as `draw` does, on a torus: what leaves on one side enters on the opposite."""
    overhang = images.shape[-1] - 1
    return _fold(draw(images, chosen, offsets, side=side + overhang), overhang)


def _check_sizes(glyphs: Glyphs, *, batch: int, frames: int, digits: int, canvas: int) -> None:
    for name, size in (("batch", batch), ("frames", frames), ("digits", digits)):
        if size < 1:
            raise InputError(f"{name} is {size}; expected at least 1")
    if canvas < glyphs.images.shape[-1]:
        raise InputError(
            f"canvas is {canvas} pixels; expected at least a glyph's {glyphs.images.shape[-1]}"
        )


def _integers(end: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randint(end, shape, generator=generator, device=generator.device)


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float64)


def _runs(images: Tensor, chosen: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Return all runs of side * side pixels in the layouts of the chosen (B, N) glyphs.

    Returns:
        The runs, a view (R, side * side), and the number of the run that begins with each glyph,
        (B, N).
    """
    height, width = images.shape[-2:]
    ahead = (side - height) * side + side - width  # black pixels that the largest offset needs
    laid = images.new_zeros(chosen.numel(), ahead + side**2)  # (B * N, ahead + side * side)
    rows = laid[:, ahead : ahead + height * side].unflatten(1, (height, side))  # (B * N, h, side)
    rows[..., :width] = images.index_select(0, chosen.flatten())
    glyph = torch.arange(ahead, laid.numel(), laid.shape[1], device=images.device)
    return laid.flatten().unfold(0, side**2, 1), glyph.view(chosen.shape)


def _fold(drawn: Tensor, overhang: int) -> Tensor:
    """Move what is drawn beyond the right and lower border to the opposite side.

    Maps (..., H + overhang, W + overhang) to (..., H, W).
    """
    for axis in (-2, -1):
        size = drawn.shape[axis] - overhang
        inside, outside = drawn.split((size, overhang), axis)
        near = inside.narrow(axis, 0, overhang)
        near.copy_(torch.maximum(near, outside))
        drawn = inside
    return drawn.contiguous()
