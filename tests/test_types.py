from typing import Any

import pytest
import torch

from selfvid.errors import InputError
from selfvid.types import (
    FLOW_ZERO,
    Clip,
    ClipBatch,
    Features,
    Losses,
    Prediction,
    Widths,
)


def clip(value: int = 0, *, channels: int = 3, **more: Any) -> Clip:
    frames = torch.full((2, channels, 4, 5), value, dtype=torch.uint8)
    return Clip(frames, torch.tensor([0.0, 0.5]), f"video {value}", **more)


def features(**changed: Any) -> Features:
    generator = torch.Generator().manual_seed(0)
    parts: dict[str, Any] = {
        "clip": torch.randn(3, 4, generator=generator),
        "steps": torch.randn(3, 2, 4, generator=generator),
        "maps": (torch.randn(3, 2, 5, 8, 8, generator=generator),),
        "flow": torch.randn(3, 2, 2, 8, 8, generator=generator),
    }
    return Features(**(parts | changed))


def test_clips_are_stacked_in_their_order() -> None:
    batch = ClipBatch.of([clip(7, label=1), clip(9, label=0)], faults=("gone",))
    assert len(batch) == 2
    assert batch.frames.shape == (2, 2, 3, 4, 5)
    assert [int(frames.unique()) for frames in batch.frames] == [7, 9]
    assert batch.times.tolist() == [[0.0, 0.5]] * 2
    assert batch.times.dtype == torch.float64
    assert batch.videos == ("video 7", "video 9")
    assert batch.labels is not None
    assert batch.labels.tolist() == [1, 0]
    assert batch.faults == ("gone",)


def test_one_clip_without_a_label_leaves_the_batch_without_labels() -> None:
    assert ClipBatch.of([clip(1, label=0), clip(2)]).labels is None


def test_clips_of_two_sizes_are_not_one_batch() -> None:
    with pytest.raises(ValueError, match="clips of a batch must have one shape"):
        ClipBatch.of([clip(), clip(channels=2, step=1.0)])


def test_an_encoder_gets_pixels_as_decoded_and_flow_in_pixels() -> None:
    pixels = ClipBatch.of([clip(200)])
    assert pixels.clip() is pixels.frames
    flow = ClipBatch.of([
        clip(FLOW_ZERO, channels=2, step=0.5),
        clip(FLOW_ZERO + 10, channels=2, step=0.5),
        clip(FLOW_ZERO - 3, channels=2, step=2.0),
    ])  # fmt: skip
    assert [float(fields.unique()) for fields in flow.clip()] == [0, 10 * 0.5, -3 * 2.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Clip(torch.zeros(2, 3, 4, 4), torch.zeros(2), "a"), r"frames must be uint8"),
        (lambda: Clip(clip().frames, torch.zeros(3), "a"), r"times must be \(T,\) = \(2,\)"),
        (lambda: ClipBatch(clip().frames, torch.zeros(2, 2), ("a",)), r"\(B, T, C, H, W\), got"),
        (
            lambda: ClipBatch(clip().frames[None], torch.zeros(1, 2), ("a", "b")),
            "times and videos must have B = 1 entries",
        ),
        (lambda: features(clip=torch.zeros(3)), r"clip must be \(B, D\), got float32 \(3,\)"),
        (lambda: features(steps=torch.zeros(3, 4)), r"steps must be \(B, S, D\)"),
        (lambda: Losses(torch.zeros(1)), "total must be a scalar"),
        (
            lambda: Prediction(torch.zeros(2, 3), torch.zeros(2, 3)),
            r"votes must be \(B, S, K\)",
        ),
        (
            lambda: Prediction(torch.zeros(2, 4, 3), torch.zeros(2, 4)),
            r"probabilities must be \(B, K\), got float32 \(2, 4\)",
        ),
    ],
)
def test_a_wrong_shape_is_refused_and_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_features_of_some_clips_are_those_rows_of_every_part() -> None:
    whole = features()
    part = whole.of(slice(1, 3))
    for name in ("clip", "steps", "flow"):
        assert torch.equal(getattr(part, name), getattr(whole, name)[1:3])
    assert part.maps is not None
    assert whole.maps is not None
    assert torch.equal(part.maps[0], whole.maps[0][1:3])
    bare = features(steps=None, maps=None, flow=None).of(slice(0, 1))
    assert (bare.steps, bare.maps, bare.flow) == (None, None, None)


def test_what_an_encoder_lacks_is_an_error_that_names_who_needs_it() -> None:
    whole, bare = features(), features(steps=None, maps=None, flow=None)
    assert whole.need_steps("LRCN") is whole.steps
    assert whole.need_maps("LRCN") is whole.maps
    assert whole.need_flow("LRCN") is whole.flow
    assert Widths(clip=4, steps=6).need_steps("LRCN") == 6
    for need in (bare.need_steps, bare.need_maps, bare.need_flow, Widths(clip=4).need_steps):
        with pytest.raises(InputError, match=r"^LRCN needs .*; this encoder has none$"):
            need("LRCN")


def test_shapes_are_printed_and_not_numbers() -> None:
    assert repr(clip(7, label=1)) == "Clip(uint8 (2, 3, 4, 5), video='video 7', label=1)"
    assert repr(ClipBatch.of([clip()])) == "ClipBatch(uint8 (1, 2, 3, 4, 5), labels=False)"
    assert "maps=['float32 (3, 2, 5, 8, 8)']" in repr(features())


def test_moving_a_batch_keeps_everything_else() -> None:
    batch = ClipBatch.of([clip(3, label=1)], faults=("gone",))
    moved = batch.to("meta")
    assert moved.frames.device.type == moved.times.device.type == "meta"
    assert moved.labels is not None
    assert moved.labels.device.type == "meta"
    assert (moved.videos, moved.faults, moved.steps) == (batch.videos, batch.faults, None)
    assert features().to("meta").clip.device.type == "meta"


def test_flow_beside_pixels_goes_along_with_them() -> None:
    fields = torch.randn(1, 2, 4, 5, generator=torch.Generator().manual_seed(0))
    batch = ClipBatch.of([clip(1, flow=fields), clip(2, flow=2 * fields)])
    assert batch.clip() is batch.frames
    assert batch.flow is not None
    torch.testing.assert_close(batch.flow, torch.stack((fields, 2 * fields)))
    assert set(batch.tensors) == {"frames", "times", "flow"}
    assert batch.to("meta").flow.device.type == "meta"  # type: ignore[union-attr]
    with pytest.raises(ValueError, match=r"flow must be \(1, 2, 4, 5\) \(T - 1, 2, H, W\)"):
        clip(flow=fields.expand(2, -1, -1, -1))
