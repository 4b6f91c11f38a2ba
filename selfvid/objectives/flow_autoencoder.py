"""Spatio-temporal autoencoder: predict the next frame by moving the features of this one.

Pătrăucean, Handa and Cipolla, Spatio-temporal video autoencoder with differentiable memory,
ICLR 2016 workshop, arXiv:1511.06309.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from selfvid.encoders.conv_lstm import ConvLSTMEncoder
from selfvid.errors import InputError
from selfvid.flow import carry_labels, flow_roughness, image_gradient_loss, resize_flow, warp
from selfvid.objectives.frame_decoder import FrameDecoder
from selfvid.objectives.frame_loss import (
    FrameLoss,
    activated,
    check_tiling,
    loss_of_raw,
    tiling_stride,
    true_colours,
)
from selfvid.objectives.predictive import Forecast, Predictive
from selfvid.types import Losses

Warps = Literal["features", "pixels", "nothing"]


class FlowAutoencoder(Predictive):
    """From the memory of the frames so far comes the flow that makes the next frame of this one.

    ::

        frame t ── backbone ── features ────────── warp ── decoder ── frame t + 1, predicted
                                  │                  │
                             ConvLSTM ── memory ── flow

    Every frame but the first is predicted, one step ahead. The loss is summed over sequences,
    frames and pixels; its parts are per frame. The smoothness of the flow is weighed against the
    loss of one pixel, as both are means in the authors' code.

    The authors' released demo differs from the paper: it compares image gradients instead of
    pixels (`image_gradients`), predicts the last frame alone (`only_last`) and leaves smoothness
    out (a weight of 0).

    Args:
        encoder: what is learnt, with a flow head (`flow_kernel`) where anything is warped; its
            backbone halves H and W in each stage.
        warps: ``features`` of the current frame, as in the paper; its ``pixels``, which are then
            the prediction, without a decoder; or ``nothing``, the same network without flow,
            whose decoder reads the memory.
        loss: between predicted and true frames, both in 0..1; ``cross_entropy`` takes grey values
            for probabilities and reports nats per frame.
        image_gradients: whether to train on the squared error of image gradients instead.
        only_last: whether to train on the prediction of the last frame alone.
        smoothness: weight of the Huber penalty on the gradient of the flow.
        delta: in pixels of flow per pixel of the map, where that penalty stops growing with the
            square.
        kernel: side of the decoder's convolutions, odd.

    Raises:
        InputError: where the encoder's input is not plain pixels, its backbone does not halve
            frames, or choices contradict one another.
    """

    encoder: ConvLSTMEncoder
    least_steps = 2
    future = 1

    def __init__(
        self,
        encoder: ConvLSTMEncoder,
        *,
        warps: Warps = "features",
        loss: FrameLoss = "squared_error",
        image_gradients: bool = False,
        only_last: bool = False,
        smoothness: float = 1e-2,
        delta: float = 1e-3,
        kernel: int = 7,
    ) -> None:
        super().__init__()
        self.stride = tiling_stride(encoder, "FlowAutoencoder")
        _check(encoder, warps, loss, image_gradients)
        if smoothness < 0 or delta <= 0:
            raise InputError(
                f"smoothness must be 0 or more and delta positive, got {smoothness} and {delta}"
            )
        self.encoder, self.warps, self.loss = encoder, warps, loss
        self.image_gradients, self.only_last = image_gradients, only_last
        self.smoothness, self.delta = smoothness, delta
        features, memory = encoder.widths.maps[-2:]
        self.decoder = (
            None
            if warps == "pixels"
            else FrameDecoder(
                features if warps == "features" else memory,
                encoder.backbone.channels,
                stride=self.stride,
                kernel=kernel,
            )
        )

    def forward(self, clip: Tensor) -> Losses:
        """Summed loss of clips (B, T, 3, H, W); its parts `next` and `smoothness` per frame.

        Raises:
            InputError: where clips differ in length, or the backbone's stride does not divide
                their size.
        """
        count = 1 if self.only_last else clip.shape[1] - 1
        truth = true_colours(self.encoder, clip)[:, -count:]
        raw, flow = self._ahead(clip[:, :-1], count)
        frames, pixels = truth.shape[0] * count, truth[0, 0].numel()
        parts = {"next": loss_of_raw(raw, truth, self.loss).mean()}
        trained = parts["next"]
        if self.image_gradients:
            trained = pixels * image_gradient_loss(raw.float(), truth)
            parts["image_gradients"] = trained
        if flow is not None and self.smoothness:
            rough = flow_roughness(flow.flatten(0, 1), delta=self.delta)
            parts["smoothness"] = pixels * self.smoothness * rough
            trained = trained + parts["smoothness"]
        return Losses(frames * trained, parts)

    def check_size(self, height: int, width: int) -> None:
        """Refuse frames that the places of the memory do not tile."""
        check_tiling(height, width, stride=self.stride)

    def forecast(self, clip: Tensor, *, future: int | None = None) -> Forecast:
        """The last frames, each from all true frames before it; see `Predictive`.

        As many as can be, all but the first, where `future` is None.
        """
        frames = clip.shape[1]
        count = frames - 1 if future is None else future
        if not 0 < count < frames:
            raise InputError(
                f"clips have {frames} frames and {count} are to be predicted; "
                "expected at least one to be shown"
            )
        truth = true_colours(self.encoder, clip)
        raw, flow = self._ahead(clip[:, :-1], count)
        predicted = activated(raw.float(), self.loss)
        if flow is not None:
            flow = _enlarged(flow, clip)
        return Forecast(truth, predicted, free=False, flow=flow)

    def flow(self, clip: Tensor) -> Tensor:
        """Predicted flow from each frame of (B, T, 3, H, W) to the next, (B, T - 1, 2, H, W).

        Backward flow in pixels of the frame, x then y: what pixel p of frame t + 1 shows is
        expected to be in frame t at p + flow[:, t] (p).

        Raises:
            InputError: where this objective predicts no flow.
        """
        self.check_size(*clip.shape[-2:])
        return self.encoder(clip[:, :-1]).need_flow("FlowAutoencoder")

    def carry_labels(self, clip: Tensor, labels: Tensor, *, outside: int = 255) -> Tensor:
        """Labels of the last frame of clips (B, T, 3, H, W), carried from the frame before it.

        Args:
            clip: the frames so far and, last, the one to be labelled; T of at least 2.
            labels: classes of the pixels of the last but one, whole numbers (B, H, W).
            outside: label of pixels that come from outside the frame.

        Raises:
            InputError: where this objective predicts no flow, or labels do not fit the clip.
        """
        return carry_labels(labels, self.flow(clip)[:, -1], outside=outside)

    def _ahead(self, clip: Tensor, count: int) -> tuple[Tensor, Tensor | None]:
        """Raw frames (B, F, C, H, W) that follow the last F of `clip`, and flow (B, F, 2, h, w)."""
        self.check_size(*clip.shape[-2:])
        maps = self.encoder.remember(clip)[0].need_maps("FlowAutoencoder")
        features, memory = (m[:, -count:].flatten(0, 1) for m in maps[-2:])
        flow = None if self.encoder.flow_head is None else self.encoder.flow_head(memory)
        if self.decoder is None:
            assert flow is not None
            now = true_colours(self.encoder, clip[:, -count:]).flatten(0, 1)
            raw = warp(now, resize_flow(flow, (now.shape[-2], now.shape[-1])))
        else:
            raw = self.decoder(memory if flow is None else warp(features, flow))
        batch = (len(clip), count)
        return raw.unflatten(0, batch), None if flow is None else flow.unflatten(0, batch)


def _enlarged(flow: Tensor, clip: Tensor) -> Tensor:
    size = (clip.shape[-2], clip.shape[-1])
    return resize_flow(flow.flatten(0, 1), size).unflatten(0, flow.shape[:2])


def _check(encoder: ConvLSTMEncoder, warps: Warps, loss: FrameLoss, image_gradients: bool) -> None:
    if warps not in ("features", "pixels", "nothing"):
        raise InputError(f"warps is {warps!r}; expected features, pixels or nothing")
    if encoder.widths.flow != (warps != "nothing"):
        wanted = "null" if warps == "nothing" else "an odd number"
        raise InputError(f"warps is {warps!r}; expected flow_kernel of the encoder to be {wanted}")
    if loss == "cross_entropy" and warps == "pixels":
        raise InputError("warped pixels are no probabilities; expected loss squared_error")
    if loss == "cross_entropy" and image_gradients:
        raise InputError("image_gradients are compared by squared_error, got loss cross_entropy")
