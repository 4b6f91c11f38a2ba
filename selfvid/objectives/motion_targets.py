"""Motion targets: an encoder of pixels learns to predict histograms of the directions of flow.

The flow is hand-made: it is estimated by a classical method from the same frames, without labels.
Predicting hand-made descriptors is known from masked feature prediction (MaskFeat: Wei, Fan, Xie,
Wu, Yuille and Feichtenhofer, CVPR 2022, arXiv:2112.09133), whose targets are histograms of oriented
gradients of masked parts. Here nothing is masked, and the targets describe motion.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate, smooth_l1_loss
from torchvision.utils import make_grid

from selfvid.encoders.base import Encoder
from selfvid.errors import InputError
from selfvid.objectives.base import Objective
from selfvid.objectives.descriptors import ORIENTATIONS, MotionDescriptor, oriented_gradients
from selfvid.pictures.flow import flow_in_colour
from selfvid.types import Features, Losses

_FORGET = 0.01  # share of the latest batch in the statistics of the targets, once they are known
_LEAST_DEVIATION = 1e-3  # of a root of pixels: motion never seen is not enlarged without end


class MotionTargets(Objective):
    """Predict the histograms of the flow within each window from the window's pixels.

    ::

        frames     a   b   c   d           an encoder with windows of 3 frames
        flow         1   2   3             estimated, or read from a folder
        step 0     a   b   c       predicts the histogram of fields 1 and 2
        step 1         b   c   d   predicts the histogram of fields 2 and 3

    The prediction is smooth L1 regression by a small readout, which is thrown away after training.
    Flow is not needed any more once the encoder is trained. The histograms of each direction are
    standardised by a mean and a deviation that are measured while training, because displacements
    are small numbers: without this a linear readout learns little more than their mean.

    Args:
        encoder: an encoder of pixels whose steps see at least two frames.
        motion: the description of the motion that is predicted.
        reads: ``maps`` predicts each cell from the place in the encoder's map that shows it;
            ``steps`` predicts all cells from the step vector, for encoders without maps.
        level: the map, counted from fine to coarse; -1 is the coarsest.
        hidden: D of a hidden layer of the readout; None for a linear readout.
        appearance: weight of the loss for the histograms of oriented gradients of the window's
            middle frame, as MaskFeat has them; 0 predicts none.
        beta: difference below which the loss is quadratic.

    Raises:
        InputError: If the encoder takes flow, a step sees no motion or fewer fields than there are
            parts, the encoder lacks what the readout reads, or a number is out of its range.
    """

    needs_flow = True
    batches: Tensor

    def __init__(
        self,
        encoder: Encoder,
        *,
        motion: MotionDescriptor = MotionDescriptor(),
        reads: Literal["maps", "steps"] = "maps",
        level: int = -1,
        hidden: int | None = None,
        appearance: float = 0.0,
        beta: float = 1.0,
    ) -> None:
        super().__init__()
        _check(encoder, motion, reads, level, appearance, beta)
        self.encoder, self.motion = encoder, motion
        self.reads, self.level, self.appearance, self.beta = reads, level, appearance, beta
        motions = motion.parts * motion.directions
        self.split = (motions, ORIENTATIONS if appearance else 0)
        out = sum(self.split)  # numbers for each cell
        if reads == "maps":
            made = [_readout(encoder.widths.maps[level], out, hidden) for _ in motion.grids]
        else:
            width = encoder.widths.need_steps("MotionTargets")
            made = [_readout(width, out * grid**2, hidden) for grid in motion.grids]
        self.readouts = nn.ModuleList(made)
        for scale in range(len(motion.grids)):
            self.register_buffer(f"statistics_{scale}", torch.zeros(2, motions))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def forward(self, clip: Tensor, flow: Tensor | None = None) -> Losses:
        """Compute the mean loss of clips (B, T, 3, H, W) and of the flow between their frames.

        The parts are `motion`, and `appearance` if there is one, without its weight; and
        `unexplained`, the squared error of the predicted motion relative to that of predicting
        the batch's mean everywhere: 1 is no better than that, 0 is perfect.

        Args:
            clip: pixels 0 to 255.
            flow: the field from each frame to the next, (B, T - 1, 2, H, W) in pixels.
        """
        if flow is None:
            raise InputError("MotionTargets got clips without flow; expected the flow beside them")
        window, stride = self.encoder.window, self.encoder.stride
        targets = self._standardised(self.motion(flow, window=window, stride=stride))
        predicted = self._predicted(self.encoder(clip))
        motions = [each[:, :, : self.split[0]] for each in predicted]
        loss = _mean([self._loss(*pair) for pair in zip(motions, targets, strict=True)])
        unexplained = [_unexplained(*pair) for pair in zip(motions, targets, strict=True)]
        parts = {"motion": loss, "unexplained": _mean(unexplained)}
        if not self.appearance:
            return Losses(loss, parts)
        shapes = [each[:, :, self.split[0] :] for each in predicted]
        middle = clip[:, window // 2 :][:, ::stride][:, : shapes[0].shape[1]]  # (B, S, 3, H, W)
        truth = [oriented_gradients(middle, grid=grid) for grid in self.motion.grids]
        parts["appearance"] = _mean([self._loss(*pair) for pair in zip(shapes, truth, strict=True)])
        return Losses(loss + self.appearance * parts["appearance"], parts)

    def check_size(self, height: int, width: int) -> None:
        """Check that what is read has a place for every cell, and that all of the encoder learns.

        Raises:
            InputError: If the map is smaller than the finest grid, or if the clip vector depends on
                layers that what is read does not depend on, which would keep their initial weights.
        """
        was_training = self.encoder.training
        features = self.encoder.eval()(torch.zeros(1, self.encoder.window, 3, height, width))
        self.encoder.train(was_training)
        read, sides = features.need_steps("MotionTargets"), (height, width)
        if self.reads == "maps":
            read = features.need_maps("MotionTargets")[self.level]
            sides = (read.shape[-2], read.shape[-1])
        finest = max(self.motion.grids)
        if min(sides) < finest:
            raise InputError(
                f"grid is {finest} and what is read of frames of {height}x{width} is "
                f"{sides[0]}x{sides[1]}; expected a coarser grid, a finer level or larger frames"
            )
        idle = sorted(self._reached(features.clip) - self._reached(read))
        if idle:
            raise InputError(
                f"{idle[0]} and {len(idle) - 1} more weights of the encoder's vector are behind "
                "the map that is read, and would not learn; expected reads steps, or a "
                "PlacesEncoder"
            )

    def _reached(self, output: Tensor) -> set[str]:
        """Return the names of the encoder's weights that an output of it depends on."""
        named = {n: w for n, w in self.encoder.named_parameters() if w.requires_grad}
        found = torch.autograd.grad(
            output.sum(), list(named.values()), allow_unused=True, retain_graph=True
        )
        return {name for name, each in zip(named, found, strict=True) if each is not None}

    def preview(self, clip: Tensor) -> dict[str, Tensor]:
        """Return middle frames above the predicted displacement at the finest grid, in colour."""
        places = flow_in_colour(self.displacement(clip)[:, 0])  # (B, 3, g, g)
        frames = clip[:, self.encoder.window // 2].float()
        shown = interpolate(places.float(), frames.shape[-2:], mode="nearest")
        rows = torch.cat((frames, shown))
        picture = make_grid(rows, nrow=len(frames), padding=2, pad_value=255.0)
        return {"motion": picture.round().clamp(0, 255).to(torch.uint8)}

    def displacement(self, clip: Tensor) -> Tensor:
        """Return the mean displacement that is predicted at the finest grid.

        Args:
            clip: pixels 0 to 255, (B, T, 3, H, W).

        Returns:
            Flow in pixels from each frame to the next, (B, S, 2, g, g).
        """
        grids = self.motion.grids
        finest = max(range(len(grids)), key=grids.__getitem__)
        predicted = self._predicted(self.encoder(clip))[finest][:, :, : self.split[0]]
        mean, deviation = self._standard(finest)
        return self.motion.displacement(predicted * deviation + mean)

    def _predicted(self, features: Features) -> list[Tensor]:
        """Return for each grid g what the readout predicts, float32 (B, S, channels, g, g)."""
        if self.reads == "steps":
            steps = features.need_steps("MotionTargets")[..., None, None]  # (B, S, D, 1, 1)
            flat = [readout(steps.flatten(0, 1)) for readout in self.readouts]
            made = [
                each.reshape(*steps.shape[:2], -1, grid, grid)
                for each, grid in zip(flat, self.motion.grids, strict=True)
            ]
        else:
            maps = features.need_maps("MotionTargets")[self.level]  # (B, S, C, h, w)
            made = [
                readout(adaptive_avg_pool2d(maps.flatten(0, 1), grid)).unflatten(0, maps.shape[:2])
                for readout, grid in zip(self.readouts, self.motion.grids, strict=True)
            ]
        return [each.float() for each in made]

    def _standardised(self, described: list[Tensor]) -> list[Tensor]:
        """Standardise the histograms of each direction; in training, measure them first."""
        if self.training:
            # The mean over all batches so far, and then over about the last hundred.
            self.batches += 1
            share = (1 / self.batches).clamp_min(_FORGET)
            for scale, each in enumerate(described):
                deviation, mean = torch.std_mean(each, (0, 1, 3, 4))  # (parts x directions,)
                self.get_buffer(f"statistics_{scale}").lerp_(torch.stack((mean, deviation)), share)
        standards = [self._standard(scale) for scale in range(len(described))]
        return [
            (each - mean) / deviation
            for each, (mean, deviation) in zip(described, standards, strict=True)
        ]

    def _standard(self, scale: int) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of each direction at one grid, (parts x directions, 1, 1)."""
        mean, deviation = self.get_buffer(f"statistics_{scale}")[:, :, None, None]
        return mean, deviation.clamp_min(_LEAST_DEVIATION)

    def _loss(self, predicted: Tensor, target: Tensor) -> Tensor:
        return smooth_l1_loss(predicted, target, beta=self.beta)


def _readout(width: int, out: int, hidden: int | None) -> nn.Module:
    """Return a network on the places of maps, with kernels of one place."""
    if hidden is None:
        return nn.Conv2d(width, out, 1)
    return nn.Sequential(nn.Conv2d(width, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, out, 1))


def _unexplained(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the squared error relative to that of the mean of the batch at each place."""
    error = (predicted.detach() - target).square().sum()
    spread = (target - target.mean((0, 1), keepdim=True)).square().sum()
    return error / spread.clamp_min(torch.finfo(target.dtype).eps)


def _mean(scales: list[Tensor]) -> Tensor:
    return torch.stack(scales).mean()


def _check(
    encoder: Encoder,
    motion: MotionDescriptor,
    reads: str,
    level: int,
    appearance: float,
    beta: float,
) -> None:
    who, named = "MotionTargets", type(encoder).__name__
    if encoder.in_channels != 3:
        raise InputError(
            f"{who} predicts flow, and {named} takes flow; expected an encoder of pixels"
        )
    if encoder.window - 1 < motion.parts:
        raise InputError(
            f"a step of {named} sees {encoder.window} frames, which have {encoder.window - 1} "
            f"fields of flow between them; expected at least {motion.parts}, one for each part"
        )
    if reads not in ("maps", "steps"):
        raise InputError(f"reads is {reads!r}; expected maps or steps")
    maps = len(encoder.widths.maps)
    if reads == "maps" and not -maps <= level < maps:
        raise InputError(
            f"level is {level} and {named} has {maps} maps; expected one of them, or reads steps"
        )
    if appearance < 0 or beta <= 0:
        raise InputError(
            f"appearance is {appearance} and beta {beta}; expected 0 or more, and more than 0"
        )
