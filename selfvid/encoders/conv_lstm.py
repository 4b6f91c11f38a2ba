"""An encoder that runs a convolutional LSTM over the feature maps of a clip's frames.

After Pătrăucean, Handa and Cipolla, Spatio-temporal video autoencoder with differentiable memory,
ICLR 2016 workshop, arXiv:1511.06309.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from selfvid.backbones.base import Backbone
from selfvid.encoders.base import Encoder
from selfvid.encoders.flow_head import FlowHead
from selfvid.encoders.frame import fitting_input
from selfvid.encoders.input import Input
from selfvid.errors import InputError
from selfvid.flow import resize_flow
from selfvid.recurrent import ConvLSTM, ConvLSTMCell, State
from selfvid.recurrent.conv_lstm import Peepholes
from selfvid.types import Features, Widths


class ConvLSTMEncoder(Encoder):
    """Runs a ConvLSTM over the last map of each frame.

    A step vector is the spatial average of the ConvLSTM's output at that step. The clip vector is
    the last step vector, because the last step has seen the whole clip. The maps are the
    backbone's maps, followed by the ConvLSTM's outputs, which are as large as the backbone's last
    map. If there is a flow head, which `FlowAutoencoder` trains, the features also contain
    predicted flow.

    Args:
        backbone: the network on frames; its vector is not used.
        input: the layer that converts clips to the backbone's input; None uses RGB or grey
            pixels, depending on the backbone's channels.
        hidden: channels of the output of each ConvLSTM layer.
        kernel: side of the input convolutions, odd.
        recurrent_kernel: side of the recurrent convolutions; None is the same as `kernel`.
        layers: number of stacked ConvLSTM layers.
        untied_first: whether the first step has its own input convolutions.
        peepholes: ``none``, ``channel`` or ``place``. Peepholes are weights through which the
            gates read the memory cell; `ConvLSTMCell` describes the choices.
        size: H and W of the backbone's last map, required for peepholes by place.
        forget_bias: initial bias of the forget gate.
        bound: weights are drawn uniformly between -bound and bound; None scales them by the
            fan-in.
        memory: False starts every step from an empty state. This is the same network without
            memory; the weights that are then unused are not trained.
        grid: outputs are averaged to grid x grid cells; 1 discards all positions.
        flow_kernel: side of the convolutions of a flow head, odd (Pătrăucean: 15); None for an
            encoder without a flow head.

    Raises:
        InputError: If input and backbone differ in channels, or a size is not valid.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        input: Input | None = None,
        hidden: int = 45,
        kernel: int = 7,
        recurrent_kernel: int | None = None,
        layers: int = 1,
        untied_first: bool = True,
        peepholes: Peepholes = "none",
        size: tuple[int, int] | None = None,
        forget_bias: float = 0.0,
        bound: float | None = 0.08,
        memory: bool = True,
        grid: int = 1,
        flow_kernel: int | None = None,
    ) -> None:
        super().__init__()
        if grid < 1:
            raise InputError(f"grid must be positive, got {grid}")
        self.input = fitting_input(backbone, input)
        self.window, self.in_channels = self.input.window, self.input.in_channels
        self.backbone = backbone
        self.lstm = ConvLSTM(
            backbone.widths.maps[-1],
            hidden,
            layers=layers,
            kernel=kernel,
            recurrent_kernel=recurrent_kernel,
            peepholes=peepholes,
            size=size,
            untied_first=untied_first,
            forget_bias=forget_bias,
            bound=bound,
        )
        self.memory = memory
        if not memory:
            _freeze_recurrent_weights(self.lstm)
        self.flow_head = None if flow_kernel is None else FlowHead(hidden, kernel=flow_kernel)
        self.pool = nn.AdaptiveAvgPool2d(grid)
        width = hidden * grid**2
        self.hidden = hidden
        self.widths = Widths(
            clip=width,
            steps=width,
            maps=(*backbone.widths.maps, hidden),
            flow=flow_kernel is not None,
        )

    def forward(self, clip: Tensor) -> Features:
        """Compute features with S = T steps (fewer if the input uses several frames per step)."""
        features, _ = self.remember(clip)
        if self.flow_head is None:
            return features
        memory = features.need_maps("the flow head")[-1]  # (B, S, D, h, w)
        size = (clip.shape[-2], clip.shape[-1])
        flow = resize_flow(self.flow_head(memory.flatten(0, 1)), size)  # (B * S, 2, H, W)
        return replace(features, flow=flow.reshape(*memory.shape[:2], 2, *size))

    def remember(self, clip: Tensor) -> tuple[Features, State]:
        """Compute the features without flow, and the final state for a decoder to start from."""
        frames = self.input(clip)  # (B, S, C, H, W)
        batch, steps = frames.shape[:2]
        frame_maps = self.backbone(frames.flatten(0, 1)).maps  # each (B * S, C_l, H_l, W_l)
        maps = [m.reshape(batch, steps, *m.shape[1:]) for m in frame_maps]
        outputs, state = self._run(maps[-1])  # (B, S, D, h, w)
        vectors = self.pool(outputs.flatten(0, 1)).reshape(batch, steps, self.widths.clip)
        features = Features(
            clip=vectors[:, -1],
            steps=vectors,
            window=self.window,
            maps=(*maps, outputs),
        )
        return features, state

    def _run(self, maps: Tensor) -> tuple[Tensor, State]:
        """Return outputs (B, S, D, h, w) of the top layer, and the state after the last step."""
        if self.memory:
            outputs, state = self.lstm(maps)
            return outputs, state
        batch, steps = maps.shape[:2]
        outputs, states = self.lstm(maps.flatten(0, 1)[:, None])  # B * S sequences of one step
        state = tuple(s.reshape(batch, steps, *s.shape[1:])[:, -1] for s in states)
        return outputs.reshape(batch, steps, *outputs.shape[2:]), state


def _freeze_recurrent_weights(lstm: ConvLSTM) -> None:
    """Disable gradients of the weights that only steps after the first use.

    Otherwise, distributed training would wait for gradients that never come, and weight decay
    would shrink the unused weights.
    """
    for cell in lstm.modules():
        if isinstance(cell, ConvLSTMCell):
            unused = [cell.recurrent_weight]
            if cell.first_weight is not None:
                unused += [cell.bias, *([] if cell.input_weight is None else [cell.input_weight])]
            for weight in unused:
                weight.requires_grad_(False)
