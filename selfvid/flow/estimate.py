"""Estimators of optical flow between neighbouring frames: the contract, and OpenCV's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from selfvid.errors import InputError
from selfvid.flow.quantise import Direction
from selfvid.saving.recorded import Recorded, describe

Preset = Literal["ultrafast", "fast", "medium"]

_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}

# OpenCV's stubs do not know that the flow to begin with may be None.
_farneback: Any = cv2.calcOpticalFlowFarneback


class FlowEstimator(Recorded, ABC):
    """Tells where the pixels of each frame go.

    Forward flow is defined at the pixels of the earlier frame of a pair, backward flow at those
    of the later one::

        frames     0     1     2     3
        forward      0 ->  1 ->  2 ->          later(p + flow(p)) = earlier(p)
        backward  <- 0  <- 1  <- 2             earlier(p + flow(p)) = later(p)

    Attributes:
        name: how tables call it.
        smallest: least side of a frame in pixels.
        context: frames before and behind a run of frames that make its flow better; 0 where
            every pair is looked at alone.
        on_gpu: whether it computes on a GPU, of which few processes can make use at a time.
    """

    name: str
    smallest: int = 1
    context: int = 0
    on_gpu: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """What the flow depends on beside the frames, as plain data."""
        return dict(describe(self)["init_args"])

    def __call__(self, frames: Tensor, *, direction: Direction = "forward") -> Tensor:
        """The flow between neighbouring frames.

        Args:
            frames: uint8 (T, 3, H, W), T of at least 2.
            direction: ``forward``, from each frame to the next, or ``backward``, from each
                frame but the first to the one before it.

        Returns:
            float32 (T - 1, 2, H, W) in pixels, x (to the right) before y (down); field t belongs
            to frames t and t + 1, whatever the direction.

        Raises:
            InputError: where frames are too few, too small or no such tensor.
        """
        self._check(frames)
        return self._forward(frames) if direction == "forward" else self._backward(frames)

    @abstractmethod
    def _forward(self, frames: Tensor) -> Tensor:
        """Forward flow of frames that were checked."""

    def _backward(self, frames: Tensor) -> Tensor:
        """Backward flow: forward flow of the film run in reverse, its fields put in order."""
        return self._forward(frames.flip(0)).flip(0)

    def _check(self, frames: Tensor) -> None:
        got = f"{str(frames.dtype).removeprefix('torch.')} {tuple(frames.shape)}"
        if frames.dtype != torch.uint8 or frames.ndim != 4 or frames.shape[1] != 3:
            raise InputError(f"frames are {got}; expected uint8 (T, 3, H, W)")
        if len(frames) < 2:
            raise InputError(f"frames are {got}; flow needs at least two")
        height, width = frames.shape[-2:]
        if min(height, width) < self.smallest:
            raise InputError(
                f"frames are {height}x{width}; expected at least {self.smallest} pixels "
                f"on each side for {self.name}"
            )


class _OnGreyPairs(FlowEstimator):
    """What OpenCV's estimators have in common: two grey pictures in, one field out."""

    @abstractmethod
    def _pair(self, earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Flow (H, W, 2) between grey pictures (H, W)."""

    def _forward(self, frames: Tensor) -> Tensor:
        pictures = frames.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures]
        fields = np.empty((len(grey) - 1, *grey[0].shape, 2), np.float32)
        for number, (earlier, later) in enumerate(pairwise(grey)):
            fields[number] = self._pair(earlier, later)
        return torch.from_numpy(fields).permute(0, 3, 1, 2).to(frames.device)


class DIS(_OnGreyPairs):
    """Dense inverse search, after Kroeger et al. (2016): the default, fast and good.

    Args:
        preset: ``medium`` ends with a variational refinement at nearly full size; ``fast`` and
            ``ultrafast`` stop earlier and are three and five times as fast.
    """

    name = "dis"
    smallest = 16

    def __init__(self, preset: Preset = "medium") -> None:
        if preset not in _PRESETS:
            raise InputError(f"preset is {preset!r}; expected one of {', '.join(_PRESETS)}")
        self._preset = _PRESETS[preset]
        self._shape = (0, 0)
        self._search: Any = None

    def _pair(self, earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> NDArray[np.float32]:
        if earlier.shape != self._shape:
            # On frames narrower than about 100 pixels the first call leaves other settings behind
            # than it found: flow must not depend on what was estimated before.
            self._shape = earlier.shape
            self._search = cv2.DISOpticalFlow.create(self._preset)
            self._search.calc(earlier, later, None)
        return self._search.calc(earlier, later, None)


class Farneback(_OnGreyPairs):
    """Polynomial expansion, after Farnebäck (2003).

    Args:
        levels: of the pyramid, each half the size of the one before.
        window: side in pixels over which motion is averaged.
        iterations: on every level.
        neighbours: side in pixels of the patch that a polynomial is fitted to, odd.
        deviation: of the Gaussian by which that patch is weighted, in pixels.
    """

    name = "farneback"
    smallest = 8

    def __init__(
        self,
        *,
        levels: int = 5,
        window: int = 11,
        iterations: int = 3,
        neighbours: int = 5,
        deviation: float = 1.1,
    ) -> None:
        if min(levels, window, iterations, neighbours) < 1 or not deviation > 0:
            raise InputError(
                f"levels is {levels}, window {window}, iterations {iterations}, neighbours "
                f"{neighbours}, deviation {deviation}; expected all to be positive"
            )
        self._arguments: dict[str, Any] = {
            "pyr_scale": 0.5,
            "levels": levels,
            "winsize": window,
            "iterations": iterations,
            "poly_n": neighbours,
            "poly_sigma": deviation,
            "flags": 0,
        }

    def _pair(self, earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> NDArray[np.float32]:
        return _farneback(earlier, later, None, **self._arguments)


class TVL1(_OnGreyPairs):
    """Total variation with an L1 data term, after Zach et al. (2007), at OpenCV's settings.

    Raises:
        InputError: where the OpenCV that is installed comes without its extra modules.
    """

    name = "tvl1"
    smallest = 16

    def __init__(self) -> None:
        if not hasattr(cv2, "optflow"):
            raise InputError(
                "estimator tvl1 is not in the OpenCV that is installed; expected "
                "opencv-contrib-python-headless in place of opencv-python-headless"
            )
        self._solver = cv2.optflow.DualTVL1OpticalFlow_create()

    def _pair(self, earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._solver.calc(earlier, later, None)


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Let estimators compute with so many threads within, OpenCV's and torch's alike."""
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(threads)
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])
