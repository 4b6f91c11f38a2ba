"""Flow that an encoder learnt to predict without being shown any."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor

from selfvid.compute import Device, choose_device
from selfvid.encoders.base import encoder_folder, load_encoder
from selfvid.errors import InputError
from selfvid.flow.estimate import FlowEstimator
from selfvid.saving.modules import CONFIG, WEIGHTS

_CONTEXT = 9  # where an encoder does not say how many frames it is used to


class LearntFlow(FlowEstimator):
    """The flow head of a pretrained encoder in the place of an estimator.

    It predicts, where others measure: the field between frames t and t + 1 is what the encoder
    expects before it has seen frame t + 1, from the frames up to t. Its own kind is backward
    flow, at the pixels of frame t + 1. Forward flow is what it expects of the file run in
    reverse: at the pixels of frame t, from the frames after it. The first field of a video in
    the order in which it is run is a guess, for nothing has been seen moving yet.

    Args:
        run: folder of a run, or of an encoder that predicts flow.
        device: where it computes; ``auto`` takes a GPU where there is one.

    Raises:
        InputError: where the folder holds no encoder or one without a flow head.
    """

    name = "learnt"

    def __init__(self, run: str, *, device: Device = "auto") -> None:
        self._folder = encoder_folder(run)
        self.device = choose_device(device)
        self.on_gpu = self.device.type == "cuda"
        self._encoder = load_encoder(self._folder).to(self.device)
        if not self._encoder.widths.flow or self._encoder.window != 1:
            raise InputError(
                f"encoder in {run!r} predicts no flow; expected one that FlowAutoencoder taught"
            )
        used_to = self._encoder.provenance.frames
        self.context = _CONTEXT if used_to is None else max(used_to - 1, 1)

    @property
    def settings(self) -> dict[str, Any]:
        """A hash of construction and weights, wherever the folder lies."""
        digest = hashlib.sha256()
        for name in (CONFIG, WEIGHTS):
            digest.update((self._folder / name).read_bytes())
        return {"encoder": digest.hexdigest()[:16]}

    def _forward(self, frames: Tensor) -> Tensor:
        return self._backward(frames.flip(0)).flip(0)

    @torch.inference_mode()
    def _backward(self, frames: Tensor) -> Tensor:
        shown = frames[None, :-1].to(self.device)
        try:
            features = self._encoder(shown)
        except RuntimeError as error:
            raise InputError(
                f"the encoder in {str(self._folder)!r} cannot take frames of "
                f"{frames.shape[-2]}x{frames.shape[-1]}: {str(error).splitlines()[0]}"
            ) from error
        flow = features.need_flow("estimator learnt")[0].float()
        return flow.to(frames.device).clone()
