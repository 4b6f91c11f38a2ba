"""A convolutional LSTM over the maps of a clip's frames.

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
    """Remembers the last map of each frame; a step is the average of the memory's output.

    The clip vector is the last step's, as that has seen the whole clip. The maps are the
    backbone's, then the memory's outputs, which are as large as the last of them. With a flow
    head, which `FlowAutoencoder` teaches, the features hold predicted flow too.

    Args:
        backbone: the network on frames; its vector is not used.
        input: pixels to what the backbone takes; None takes RGB or grey pixels, by the
            backbone's channels.
        hidden: channels of every layer's output.
        kernel: side of the input convolutions, odd.
        recurrent_kernel: side of the recurrent convolutions; None is the same as `kernel`.
        layers: how many lie on top of one another.
        untied_first: whether the first step has input convolutions of its own.
        peepholes: ``none``, ``channel`` or ``place``, as `ConvLSTMCell` explains.
        size: H and W of the backbone's last map, for peepholes by place.
        forget_bias: bias of the forget gate at the start.
        bound: weights start uniformly between -bound and bound; None depends on the fan-in.
        memory: False begins anew at every step, the same network without memory; the weights
            that this leaves without a use stay as they are drawn.
        grid: outputs are averaged to grid x grid cells; 1 forgets where things are.
        flow_kernel: side of the convolutions of a flow head, odd (Pătrăucean: 15); None for an
            encoder without one.

    Raises:
        InputError: where input and backbone differ in channels, or a size cannot be.
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
            _freeze_what_remembers(self.lstm)
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
        """Features with S = T steps (fewer where the input looks at several frames at once)."""
        features, _ = self.remember(clip)
        if self.flow_head is None:
            return features
        memory = features.need_maps("the flow head")[-1]
        size = (clip.shape[-2], clip.shape[-1])
        flow = resize_flow(self.flow_head(memory.flatten(0, 1)), size)
        return replace(features, flow=flow.reshape(*memory.shape[:2], 2, *size))

    def remember(self, clip: Tensor) -> tuple[Features, State]:
        """The features without flow, and the state that a decoder can begin with."""
        frames = self.input(clip)
        batch, steps = frames.shape[:2]
        found = self.backbone(frames.flatten(0, 1)).maps
        maps = [m.reshape(batch, steps, *m.shape[1:]) for m in found]
        outputs, state = self._along(maps[-1])
        vectors = self.pool(outputs.flatten(0, 1)).reshape(batch, steps, self.widths.clip)
        features = Features(
            clip=vectors[:, -1],
            steps=vectors,
            window=self.window,
            maps=(*maps, outputs),
        )
        return features, state

    def _along(self, maps: Tensor) -> tuple[Tensor, State]:
        """Outputs (B, S, D, h, w) of the top layer, and the state after the last step."""
        if self.memory:
            outputs, state = self.lstm(maps)
            return outputs, state
        batch, steps = maps.shape[:2]
        alone, each = self.lstm(maps.flatten(0, 1)[:, None])
        state = tuple(s.reshape(batch, steps, *s.shape[1:])[:, -1] for s in each)
        return alone.reshape(batch, steps, *alone.shape[2:]), state


def _freeze_what_remembers(lstm: ConvLSTM) -> None:
    """No gradient for weights that only steps after the first use.

    Several processes would wait for one, and weight decay would shrink them all the same.
    """
    for cell in lstm.modules():
        if isinstance(cell, ConvLSTMCell):
            unused = [cell.recurrent_weight]
            if cell.first_weight is not None:
                unused += [cell.bias, *([] if cell.input_weight is None else [cell.input_weight])]
            for weight in unused:
                weight.requires_grad_(False)
