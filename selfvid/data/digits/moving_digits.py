"""Footage of moving handwritten digits, drawn for a whole batch at once.

`bouncing` is the Moving MNIST of Srivastava, Mansimov and Salakhutdinov (ICML 2015,
arXiv:1502.04681), exactly as the authors' code makes it. Nearly every such clip bounces and so
has no one direction; `drifting` is the variant for asking an encoder which way a digit moves.

Places are (x, y) in pixels, x to the right and y down, of the top left corner of a glyph.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from selfvid.data.digits.glyphs import Glyphs
from selfvid.errors import InputError

# Pixels that are drawn at once on a CPU: what one digit draws is still in its cache for the next.
_CACHED = 2**20


def draw(images: Tensor, chosen: Tensor, offsets: Tensor, *, side: int) -> Tensor:
    """Put the chosen (B, N) of images (M, h, w) at offsets (B, T, N, 2), brighter wins.

    With a glyph laid out in rows as long as the canvas's and black before and behind it, every
    frame it can be in is one run of that layout. For a glyph AB/CD and a canvas of side 4:

        ..........AB..CD..........
                  AB..CD..........    from the glyph on: AB.. CD.. .... ....  offset (0, 0)
             .....AB..CD.....         from 5 before it:  .... .AB. .CD. ....  offset (1, 1)

    So drawing is copying runs, which every device does at the speed of its memory.

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
    """As `draw`, on a torus: what hangs over on the right or below enters on the other side."""
    overhang = images.shape[-1] - 1
    return _fold(draw(images, chosen, offsets, side=side + overhang), overhang)


def _runs(images: Tensor, chosen: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """All runs of side * side pixels in the chosen (B, N) glyphs, laid out in rows of `side`.

    Returns:
        The runs, a view (R, side * side), and the one that each glyph begins (B, N).
    """
    height, width = images.shape[-2:]
    ahead = (side - height) * side + side - width  # as far as the greatest offset reaches
    laid = images.new_zeros(chosen.numel(), ahead + side**2)
    rows = laid[:, ahead : ahead + height * side].unflatten(1, (height, side))
    rows[..., :width] = images.index_select(0, chosen.flatten())
    glyph = torch.arange(ahead, laid.numel(), laid.shape[1], device=images.device)
    return laid.flatten().unfold(0, side**2, 1), glyph.view(chosen.shape)


def _fold(drawn: Tensor, overhang: int) -> Tensor:
    """Wrap around what hangs over on the right and below: (..., H + o, W + o) to (..., H, W)."""
    for axis in (-2, -1):
        size = drawn.shape[axis] - overhang
        inside, outside = drawn.split((size, overhang), axis)
        near = inside.narrow(axis, 0, overhang)
        near.copy_(torch.maximum(near, outside))
        drawn = inside
    return drawn.contiguous()


_DIAGONAL = math.sqrt(0.5)

# The least and the greatest place that is not on a wall: no sum of steps comes nearer.
_INSIDE = (torch.finfo(torch.float64).tiny, 1 - torch.finfo(torch.float64).eps / 2)

# Written out, not computed: the cosine of a right angle must be 0 and not nearly 0.
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


@dataclass(frozen=True, repr=False)
class MovingDigits:
    """B sequences, each with N digits, and how they were made.

    Attributes:
        frames: grey, uint8 (B, T, 1, H, W).
        labels: which digits, int64 (B, N).
        glyphs: which images of the `Glyphs` they are, int64 (B, N).
        offsets: where each glyph was drawn, int64 (B, T, N, 2); its difference over time is the
            true displacement (around the torus where digits drift).
        velocities: with which each glyph leaves each frame, pixels per frame, float64
            (B, T, N, 2).
        directions: index into `DIRECTIONS` where digits drift, int64 (B,), otherwise None.
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
        """The frames with three equal colours, uint8 (B, T, 3, H, W), a view."""
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
    """Draw sequences of digits that bounce off the walls.

    Args:
        glyphs: the digit images to choose from, uniformly.
        batch: B, how many sequences.
        generator: source of all randomness; the same state on the same kind of device gives the
            same sequences, wherever they are then rendered.
        frames: T, frames of a sequence.
        digits: N, digits in a sequence; where they overlap the brighter pixel wins.
        canvas: H and W in pixels.
        step: way per frame as a share of the free canvas (canvas less glyph). The authors' code
            keeps it at 0.1; a pair is a range to draw each digit's own from, as in the paper.
        device: where the frames are rendered.

    Raises:
        InputError: where a size is not positive, the canvas is smaller than a glyph, or the
            range of steps is not in order.
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
    """Random starts and velocities of `shape`, as `bounce` takes them: uniform in all angles."""
    slowest, fastest = step if isinstance(step, tuple) else (step, step)
    if not 0 <= slowest <= fastest <= 1:
        raise InputError(f"step is {step}; expected 0 to 1, or a range in order within it")
    starts = _uniform((*shape, 2), generator)
    angles = _uniform(shape, generator) * 2 * math.pi
    steps = slowest + (fastest - slowest) * _uniform(shape, generator)
    return starts, steps[..., None] * torch.stack((angles.cos(), angles.sin()), -1)


def bounce(
    glyphs: Glyphs,
    chosen: Tensor,
    *,
    starts: Tensor,
    velocities: Tensor,
    frames: int,
    canvas: int,
) -> MovingDigits:
    """The bouncing sequences that given starts and velocities lead to.

    Args:
        glyphs: the digit images, on the device to render on.
        chosen: which of them, int64 (B, N).
        starts: float64 (B, N, 2) in the unit square; frame 0 is one step after it. The paths
            are computed where these are: many small steps, for which a CPU is quicker.
        velocities: float64 (B, N, 2) in the unit square per frame.
        frames: T.
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
    # Truncated, as the authors do.
    offsets = (torch.stack(places, 1) * free).to(torch.int64).to(chosen.device)
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
    """Draw sequences of one digit that moves in one of eight directions without end.

    The canvas is a torus: what leaves on one side enters on the other, half a glyph too. The
    digit starts anywhere with equal probability, so at every frame it is anywhere with equal
    probability whatever its direction, and no single frame tells the direction.

    Args:
        glyphs: the digit images to choose from, uniformly.
        batch: B, how many sequences.
        generator: source of all randomness, as for `bouncing`.
        frames: T, frames of a sequence.
        canvas: H and W in pixels.
        speed: pixels per frame along the direction of motion, the same for all directions, so
            that the amount of change does not tell diagonals from the rest. Below half a canvas:
            beyond it, forwards looks like backwards. Clips that take every k-th frame see k
            times this speed.
        device: where the frames are rendered.

    Raises:
        InputError: where a size or the speed is out of bounds.
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
    """The drifting sequences that given starts and directions lead to.

    Args:
        glyphs: the digit images, on the device to render on.
        chosen: which of them, int64 (B,).
        starts: places in frame 0, pixels, float64 (B, 2).
        directions: index into `DIRECTIONS`, int64 (B,).
        frames: T.
        canvas: H and W in pixels.
        speed: pixels per frame.
    """
    units = torch.tensor(list(DIRECTIONS.values()), dtype=torch.float64, device=starts.device)
    velocities = speed * units[directions]
    times = torch.arange(frames, device=starts.device)
    places = starts[:, None] + times[:, None] * velocities[:, None]  # (B, T, 2)
    offsets = (places.floor().to(torch.int64) % canvas)[:, :, None]
    chosen = chosen[:, None]
    return MovingDigits(
        frames=draw_around(glyphs.images, chosen, offsets, side=canvas)[:, :, None],
        labels=glyphs.labels[chosen],
        glyphs=chosen,
        offsets=offsets,
        velocities=velocities[:, None, None].expand(-1, frames, -1, -1),
        directions=directions,
    )


def generator_for(*numbers: int) -> torch.Generator:
    """A CPU generator whose state is a function of the numbers and mixes all of them."""
    seed = np.random.SeedSequence(numbers).generate_state(1)[0]
    return torch.Generator().manual_seed(int(seed))


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
