"""Compiling what a run trains, so that its steps are faster."""

from __future__ import annotations

import shutil

import torch
from torch import nn

from selfvid.errors import InputError
from selfvid.training.schedule import Training


def check_compiler(training: Training, device: torch.device) -> None:
    """Check that this machine can compile, if the settings ask for it.

    Raises:
        InputError: If it cannot.
    """
    if training.compiled and device.type == "cpu" and not shutil.which("g++"):
        raise InputError("compiled is true but there is no g++ here; expected one, or false")


def compile_module(module: nn.Module, training: Training, device: torch.device) -> None:
    """Compile a module in place; the work is done when it is first called.

    On a GPU it is also recorded as CUDA graphs, which are replayed at every step: the many small
    kernels of a recurrent loop then no longer wait for the processor to launch them. A graph
    writes gradients to the same memory at every replay, so gradients cannot be summed over several
    batches.

    Args:
        module: what a training step calls as a whole.
        training: the settings of the training.
        device: the device that it runs on.
    """
    graphs = device.type == "cuda" and training.accumulate == 1 and training.devices == 1
    module.compile(mode="reduce-overhead" if graphs else None)
