"""Estimators of optical flow between neighbouring frames: their base class, and those of OpenCV."""

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

# The type stubs of OpenCV do not allow None as the initial flow.
_farneback: Any = cv2.calcOpticalFlowFarneback


class FlowEstimator(Recorded, ABC):
    """Base class of estimators of optical flow between neighbouring frames.

    Forward flow is defined at the pixels of the earlier frame of a pair, backward flow at those
    of the later frame::

        frames     0     1     2     3
        forward      0 ->  1 ->  2 ->          later(p + flow(p)) = earlier(p)
        backward  <- 0  <- 1  <- 2             earlier(p + flow(p)) = later(p)

    Attributes:
        name: name of the estimator in tables.
        smallest: smallest allowed side of a frame in pixels.
        context: number of frames before and after a run of frames that improve the flow of the
            run; 0 if every pair of frames is used alone.
        on_gpu: whether it computes on a GPU, which only few processes should use at a time.
        package: name and version of the package that computes.
    """

    name: str
    smallest: int = 1
    context: int = 0
    on_gpu: bool = False
    package: str = f"torch {torch.__version__}"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that the flow depends on, as plain data."""
        return dict(describe(self)["init_args"])

    def __call__(self, frames: Tensor, *, direction: Direction = "forward") -> Tensor:
        """Estimate the flow between neighbouring frames.

        Args:
            frames: RGB frames, uint8 (T, 3, H, W), T of at least 2.
            direction: ``forward``, from each frame to the next, or ``backward``, from each
                frame but the first to the one before it.

        Returns:
            Flow in pixels, float32 (T - 1, 2, H, W), x (to the right) before y (down); field t
            belongs to frames t and t + 1 in both directions.

        Raises:
            InputError: If there are too few frames, or they are too small or have another dtype
                or shape.
        """
        self._check(frames)
        return self._forward(frames) if direction == "forward" else self._backward(frames)

    @abstractmethod
    def _forward(self, frames: Tensor) -> Tensor:
        """Estimate forward flow of frames that have been checked."""

    def _backward(self, frames: Tensor) -> Tensor:
        """Estimate backward flow: forward flow of the frames in reverse, then reversed again."""
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
    """Base class of OpenCV's estimators, which compute one field from two grey pictures."""

    package = f"opencv {cv2.__version__}"

    @abstractmethod
    def _pair(self, earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Estimate forward flow (H, W, 2) between two grey pictures (H, W)."""

    def _forward(self, frames: Tensor) -> Tensor:
        pictures = frames.permute(0, 2, 3, 1).contiguous().cpu().numpy()  # (T, H, W, 3)
        grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures]
        fields = np.empty((len(grey) - 1, *grey[0].shape, 2), np.float32)
        for number, (earlier, later) in enumerate(pairwise(grey)):
            fields[number] = self._pair(earlier, later)
        return torch.from_numpy(fields).permute(0, 3, 1, 2).to(frames.device)  # (T - 1, 2, H, W)


class DIS(_OnGreyPairs):
    """Dense inverse search (DIS), after Kroeger et al. (2016); the default, fast and accurate.

    Args:
        preset: ``medium`` ends with a variational refinement at nearly full size; ``fast`` and
            ``ultrafast`` end at a coarser level and are three and five times as fast.

    Raises:
        InputError: If the preset is unknown.
    """

    name = "dis"
    smallest = 16  # OpenCV refuses frames below 12 pixels

    def __init__(self, preset: Preset = "medium") -> None:
        if preset not in _PRESETS:
            raise InputError(f"preset is {preset!r}; expected one of {', '.join(_PRESETS)}")
        self._preset = _PRESETS[preset]
        self._shape = (0, 0)
        self._search: Any = None

    def _pair(self, earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> NDArray[np.float32]:
        if earlier.shape != self._shape:
            # On frames narrower than about 100 pixels the first call changes settings of the
            # object. A first call whose result is not used makes all later calls give the same.
            self._shape = earlier.shape
            self._search = cv2.DISOpticalFlow.create(self._preset)
            self._search.calc(earlier, later, None)
        return self._search.calc(earlier, later, None)


class Farneback(_OnGreyPairs):
    """Polynomial expansion, after Farnebäck (2003).

    Args:
        levels: number of levels of the pyramid, each half the size of the one before.
        window: side in pixels of the window over which motion is averaged.
        iterations: number of iterations on every level.
        neighbours: side in pixels of the patch that a polynomial is fitted to, an odd number.
        deviation: standard deviation in pixels of the Gaussian that weights this patch.

    Raises:
        InputError: If a number is not positive.
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
    """Total variation with an L1 data term, after Zach et al. (2007), with OpenCV's defaults.

    Raises:
        InputError: If the installed OpenCV does not have the extra modules.
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
    """Limit the threads of OpenCV and torch inside the context."""
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(threads)
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])
