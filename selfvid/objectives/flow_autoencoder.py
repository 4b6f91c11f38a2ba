"""Spatio-temporal autoencoder: it predicts the next frame by moving the features of this one.

After Pătrăucean, Handa and Cipolla, Spatio-temporal video autoencoder with differentiable memory,
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
    """Predict flow from the memory of the frames so far, and the next frame by that flow.

    ::

        frame t ── backbone ── features ────────── warp ── decoder ── frame t + 1, predicted
                                  │                  │
                             ConvLSTM ── memory ── flow

    Every frame but the first is predicted, one step ahead. The loss is summed over sequences,
    frames and pixels; its parts are means per frame. The smoothness of the flow is weighted
    relative to the loss of one pixel, because both are means in the authors' code.

    The authors' released demo differs from the paper: it compares image gradients instead of
    pixels (`image_gradients`), it predicts only the last frame (`only_last`) and it has no
    smoothness term (a weight of 0).

    Args:
        encoder: the encoder to train. It needs a flow head (`flow_kernel`) unless `warps` is
            ``nothing``, and a backbone that halves H and W in each stage.
        warps: ``features`` moves the features of the current frame, as in the paper; ``pixels``
            moves its pixels, which are then the prediction, without a decoder; ``nothing`` is
            the same network without flow, whose decoder takes the memory.
        loss: the loss between predicted and true frames, both in 0..1; ``cross_entropy`` takes
            grey values as probabilities and is in nats per frame.
        image_gradients: whether to train on the squared error of image gradients instead.
        only_last: whether to train on the prediction of the last frame only.
        smoothness: weight of the Huber penalty on the gradient of the flow.
        delta: gradient, in pixels of flow per pixel of the map, beyond which that penalty grows
            linearly.
        kernel: side of the decoder's convolutions, odd.

    Raises:
        InputError: If the encoder's input is not plain pixels, its backbone does not halve
            frames, or arguments contradict one another.
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
        """Compute the summed loss of clips (B, T, 3, H, W).

        The parts are `next`, the loss of the predicted frames, `image_gradients` and the weighted
        `smoothness`; the last two only if they are trained on.

        Raises:
            InputError: If the backbone's stride does not divide H and W.
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
        """Check that the places of the memory tile the frame."""
        check_tiling(height, width, stride=self.stride)

    def forecast(self, clip: Tensor, *, future: int | None = None) -> Forecast:
        """Predict the last frames, each from all true frames before it; see `Predictive`.

        If `future` is None, all frames but the first are predicted.
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
        predicted = activated(raw, self.loss)
        if flow is not None:
            size = (clip.shape[-2], clip.shape[-1])
            flow = resize_flow(flow.flatten(0, 1), size).unflatten(0, flow.shape[:2])
        return Forecast(truth, predicted, free=False, flow=flow)

    def flow(self, clip: Tensor) -> Tensor:
        """Predict the flow from each frame of (B, T, 3, H, W) to the next, (B, T - 1, 2, H, W).

        It is backward flow in pixels of the frame, x then y: pixel p of frame t + 1 is taken from
        p + flow[:, t] (p) of frame t.

        Raises:
            InputError: If this objective predicts no flow.
        """
        self.check_size(*clip.shape[-2:])
        return self.encoder(clip[:, :-1]).need_flow("FlowAutoencoder")

    def carry_labels(self, clip: Tensor, labels: Tensor, *, outside: int = 255) -> Tensor:
        """Predict the labels of the last frame of clips from those of the frame before it.

        Args:
            clip: (B, T, 3, H, W) with T >= 2; the last frame is the one to label.
            labels: classes of the pixels of the last frame but one, integers (B, H, W).
            outside: label of pixels that come from outside the frame.

        Returns:
            Labels of the pixels of the last frame, (B, H, W).

        Raises:
            InputError: If this objective predicts no flow, or labels do not fit the clip.
        """
        return carry_labels(labels, self.flow(clip)[:, -1], outside=outside)

    def _ahead(self, clip: Tensor, count: int) -> tuple[Tensor, Tensor | None]:
        """Predict what follows the last F of `clip`: raw frames, and flow (B, F, 2, h, w)."""
        self.check_size(*clip.shape[-2:])
        maps = self.encoder.remember(clip)[0].need_maps("FlowAutoencoder")
        features, memory = (m[:, -count:].flatten(0, 1) for m in maps[-2:])  # (B F, C, h, w)
        flow = None if self.encoder.flow_head is None else self.encoder.flow_head(memory)
        if self.decoder is None:
            assert flow is not None
            now = true_colours(self.encoder, clip[:, -count:]).flatten(0, 1)
            raw = warp(now, resize_flow(flow, (now.shape[-2], now.shape[-1])))
        else:
            raw = self.decoder(memory if flow is None else warp(features, flow))
        batch = (len(clip), count)
        return raw.unflatten(0, batch), None if flow is None else flow.unflatten(0, batch)


def _check(encoder: ConvLSTMEncoder, warps: Warps, loss: FrameLoss, image_gradients: bool) -> None:
    if warps not in ("features", "pixels", "nothing"):
        raise InputError(f"warps is {warps!r}; expected features, pixels or nothing")
    if encoder.widths.flow != (warps != "nothing"):
        wanted = "null" if warps == "nothing" else "an odd number"
        raise InputError(f"warps is {warps!r}; expected flow_kernel of the encoder to be {wanted}")
    if loss == "cross_entropy" and warps == "pixels":
        raise InputError("warped pixels are not probabilities; expected loss squared_error")
    if loss == "cross_entropy" and image_gradients:
        raise InputError("image_gradients are compared by squared_error, got loss cross_entropy")
