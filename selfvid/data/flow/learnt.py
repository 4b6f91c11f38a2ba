"""Optical flow predicted by an encoder that was pretrained without true flow."""

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

# Frames of context if an encoder does not record how long its training clips were: clips of 10.
_CONTEXT = 9


class LearntFlow(FlowEstimator):
    """An estimator that uses the flow head of a pretrained encoder.

    Other estimators compare two frames. This one predicts: the field between frames t and t + 1
    is computed from the frames up to t, before the encoder has seen frame t + 1. It predicts
    backward flow, which is defined at the pixels of frame t + 1. Forward flow is its prediction
    for the video in reverse order: at the pixels of frame t, from the frames after t. The first
    field of a video (the last one in reverse order) is a guess, because it is predicted from a
    single frame.

    Args:
        run: folder of a run, or of an encoder that predicts flow.
        device: device to compute on; ``auto`` uses a GPU if there is one.

    Raises:
        InputError: If the folder contains no encoder, or one without a flow head.
    """

    name = "learnt"

    def __init__(self, run: str, *, device: Device = "auto") -> None:
        self._folder = encoder_folder(run)
        self.device = choose_device(device)
        self.on_gpu = self.device.type == "cuda"
        self._encoder = load_encoder(self._folder).to(self.device)
        if not self._encoder.widths.flow or self._encoder.window != 1:
            raise InputError(
                f"encoder in {run!r} predicts no flow; expected one that FlowAutoencoder trained"
            )
        trained_on = self._encoder.provenance.frames  # T of its training clips
        self.context = _CONTEXT if trained_on is None else max(trained_on - 1, 1)

    @property
    def settings(self) -> dict[str, Any]:
        """A hash of the encoder's construction and weights, independent of its folder."""
        digest = hashlib.sha256()
        for name in (CONFIG, WEIGHTS):
            digest.update((self._folder / name).read_bytes())
        return {"encoder": digest.hexdigest()[:16]}

    def _forward(self, frames: Tensor) -> Tensor:
        return self._backward(frames.flip(0)).flip(0)

    @torch.inference_mode()
    def _backward(self, frames: Tensor) -> Tensor:
        clip = frames[None, :-1].to(self.device)  # (1, T - 1, 3, H, W)
        try:
            features = self._encoder(clip)
        except RuntimeError as error:
            raise InputError(
                f"the encoder in {str(self._folder)!r} cannot take frames of "
                f"{frames.shape[-2]}x{frames.shape[-1]}: {str(error).splitlines()[0]}"
            ) from error
        flow = features.need_flow("estimator learnt")[0].float()  # (T - 1, 2, H, W)
        return flow.to(frames.device).clone()
