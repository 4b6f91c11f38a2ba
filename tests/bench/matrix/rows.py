"""The rows of the matrix: objectives, how they are pretrained, and which heads begin with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Literal

Head = Literal["lrcn", "gru_rcn", "spatial", "temporal"]

OWN = ("--encoder", "null")  # the head sees the network of the run, not that of its recipe


@dataclass(frozen=True)
class Fit:
    """How a head begins with the encoder of a row.

    Attributes:
        recipe: the recipe of the head.
        options: further options of `finetune`.
        encoder: which encoder of the row it begins with.
    """

    recipe: str
    options: tuple[str, ...] = OWN
    encoder: str = "encoder"


@dataclass(frozen=True)
class Row:
    """An objective.

    Attributes:
        name: its name in the table.
        recipe: the recipe of its pretraining.
        steps: its budget of steps.
        options: further options of `pretrain`.
        frames: frames of a probed clip.
        pretraining_flow: whether pretraining reads the folder of flow.
        encoder_flow: whether the encoder reads flow.
        encoders: the encoders that it trains, which are probed side by side.
        heads: the heads that can begin with its encoder.
    """

    name: str
    recipe: str
    steps: int
    options: tuple[str, ...] = ()
    frames: int = 16
    pretraining_flow: bool = False
    encoder_flow: bool = False
    encoders: tuple[str, ...] = ("encoder",)
    heads: dict[Head, Fit] = field(default_factory=dict)


def clips(frames: int, stride: int) -> tuple[str, ...]:
    """Return the options of clips that are cut in training and in tests alike."""
    return tuple(
        word
        for place in ("clips", "views")
        for name, value in (("frames", frames), ("stride", stride))
        for word in (f"--{place}.{name}", str(value))
    )


_FRAMES: dict[Head, Fit] = {
    "lrcn": Fit("lrcn_ut_interaction"),
    "gru_rcn": Fit("gru_rcn_ut_interaction"),
    "spatial": Fit("single_frame_ut_interaction"),
}
# Windows of neighbouring frames, of which every clip of a head has some.
_NEAR = clips(24, 2)
_WINDOWS: dict[Head, Fit] = {
    "lrcn": Fit("lrcn_ut_interaction", (*OWN, *_NEAR)),
    "gru_rcn": Fit(
        "gru_rcn_ut_interaction",
        (*OWN, *_NEAR, "--head.levels", "[1,2]", "--head.hidden", "[16,32,64]"),
    ),
    "spatial": Fit("single_frame_ut_interaction", (*OWN, *_NEAR)),
}
_VECTORS = ("--head.levels", "[]", "--head.hidden", "[64]")  # GRU-RCN without maps
_LSTM: dict[Head, Fit] = {
    "lrcn": Fit("lrcn_lstm_ut_interaction"),
    "gru_rcn": Fit("gru_rcn_ut_interaction", (*OWN, "--size", "32", *clips(17, 4), *_VECTORS)),
    "spatial": Fit("single_frame_ut_interaction", (*OWN, "--size", "32", *clips(17, 4))),
}
_LSTM_OF_FLOW = ("--augment", "null", *clips(16, 2))
_FLOW_LSTM: dict[Head, Fit] = {
    "gru_rcn": Fit("gru_rcn_ut_interaction", (*OWN, *_LSTM_OF_FLOW, *_VECTORS)),
    "temporal": Fit("temporal_ut_interaction", (*OWN, "--crop", "null", *clips(16, 2))),
}
_FLOW_AUTOENCODER: dict[Head, Fit] = {
    "lrcn": Fit("lrcn_ut_interaction", (*OWN, *clips(8, 3))),
    "gru_rcn": Fit("gru_rcn_flow_autoencoder_ut_interaction", ()),
    "spatial": Fit("single_frame_ut_interaction", (*OWN, *clips(8, 3))),
}

# The encoders see fields that are near one another, so that the probe has many of each video.
_on_flow = partial(Row, frames=64, pretraining_flow=True, encoder_flow=True)

ROWS: tuple[Row, ...] = (
    Row(
        "LSTM, reconstruction",
        "lstm_differences",
        1000,
        ("--objective.future", "0", "--clips.frames", "17"),
        heads=_LSTM,
    ),
    Row(
        "LSTM, future",
        "lstm_differences",
        1000,
        ("--objective.reconstruct", "false"),
        heads=_LSTM,
    ),
    Row("LSTM, composite", "lstm_differences", 1000, heads=_LSTM),
    _on_flow("LSTM on flow", "lstm_flow", 600, heads=_FLOW_LSTM),
    Row("flow autoencoder", "flow_autoencoder", 600, heads=_FLOW_AUTOENCODER),
    _on_flow("coherence", "coherence", 600, heads=_FLOW_LSTM),
    Row(
        "coherence of frames",
        "coherence_frames",
        1000,
        ("--clips.clips", "4"),
        heads=_FRAMES,
    ),
    Row(
        "VICReg on differences",
        "vicreg_differences",
        1000,
        ("--clips.clips", "4"),
        heads=_FRAMES,
    ),
    _on_flow(
        "VICReg on stacks of flow",
        "vicreg_flow_stacks",
        600,
        heads={"temporal": Fit("temporal_ut_interaction", ())},
    ),
    Row("motion targets", "motion_targets", 1000, frames=64, pretraining_flow=True, heads=_WINDOWS),
    Row(
        "two views",
        "two_views",
        800,
        frames=64,
        pretraining_flow=True,
        encoders=("encoder", "flow_encoder"),
        heads={
            "spatial": Fit("single_frame_ut_interaction", (*OWN, *_NEAR)),
            "temporal": Fit("temporal_ut_interaction", (), "flow_encoder"),
        },
    ),
    _on_flow("windows of flow", "vicreg_flow_windows", 600, heads=_FLOW_LSTM),
    Row("order of frames", "frame_order", 600, frames=64, heads=_WINDOWS),
    Row("direction of time", "arrow_of_time", 600, frames=64, heads=_WINDOWS),
    Row("playback speed", "playback_speed", 600, frames=64, heads=_WINDOWS),
)
