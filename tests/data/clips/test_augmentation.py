from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.geometry import Geometry
from selfvid.errors import InputError
from selfvid.saving.recorded import build, describe

OFF: dict[str, Any] = {"crop": 0, "brightness": 0, "contrast": 0, "saturation": 0, "grey": 0}
EVERY = ("crop", "brightness", "contrast", "saturation", "hue", "grey", "blur", "flip", "reverse")


def clips(*, batch: int = 4, frames: int = 5, side: int = 24) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (batch, frames, 3, side, side)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def still(*, batch: int = 4, frames: int = 5) -> Tensor:
    return clips(batch=batch, frames=1).expand(batch, frames, 3, 24, 24)


def only(**what: Any) -> Augmentation:
    return Augmentation(**{**OFF, **what})


def test_all_off_changes_nothing() -> None:
    torch.testing.assert_close(only()(clips()), clips().float())


@pytest.mark.parametrize("name", EVERY)
def test_each_change_does_something_and_comes_back_with_the_seed(name: str) -> None:
    augment = only(**{name: 0.5})
    torch.manual_seed(1)
    first = augment(clips())
    second = augment(clips())
    torch.manual_seed(1)
    assert torch.equal(augment(clips()), first)
    assert torch.equal(augment(clips()), second)
    assert first.shape == clips().shape
    assert not torch.equal(first, clips().float())
    assert first.min() >= 0
    assert first.max() <= 255.01


@pytest.mark.parametrize("name", [name for name in EVERY if name != "reverse"])
def test_the_frames_of_a_still_clip_stay_the_same(name: str) -> None:
    torch.manual_seed(0)
    changed = only(**{name: 0.5})(still())
    torch.testing.assert_close(changed, changed[:, :1].expand_as(changed))


@pytest.mark.parametrize("name", ["crop", "brightness", "hue", "blur"])
def test_a_view_of_one_frame_changes_every_frame_in_its_own_way(name: str) -> None:
    torch.manual_seed(0)
    changed = only(**{name: 0.5}, view=1)(still(batch=1, frames=8))[0]
    assert len({tuple(frame.flatten().tolist()) for frame in changed}) > 4


@pytest.mark.parametrize("name", ["crop", "brightness", "hue", "blur"])
def test_frames_of_one_view_share_what_is_drawn_and_views_of_a_clip_do_not(name: str) -> None:
    torch.manual_seed(0)
    changed = only(**{name: 0.5}, view=4)(still(batch=6, frames=8))
    first, second = changed[:, :4], changed[:, 4:]
    torch.testing.assert_close(first, first[:, :1].expand_as(first))
    torch.testing.assert_close(second, second[:, :1].expand_as(second))
    assert not torch.allclose(first, second)


def test_a_clip_that_is_no_whole_number_of_views_is_refused() -> None:
    with pytest.raises(InputError, match="view is 4 frames and clips have 6"):
        only(crop=0.5, view=4)(clips(frames=6))


def test_a_view_of_no_frame_is_refused() -> None:
    with pytest.raises(InputError, match="view is 0; expected 1 frame or more"):
        Augmentation(view=0)


def test_a_crop_keeps_straight_lines_where_the_box_puts_them() -> None:
    torch.manual_seed(0)
    ramp = torch.arange(40.0).expand(1, 1, 3, 40, 40) * 4
    row = only(crop=0.8)(ramp)[0, 0, 0, 20]
    steps = row.diff()
    torch.testing.assert_close(steps, steps[:1].expand_as(steps), rtol=1e-3, atol=1e-3)
    assert 4 * math.sqrt(0.2 * 3 / 4) - 0.3 < steps[0] < 4
    assert row[0] >= 0
    assert row[-1] <= 39 * 4


def test_flip_and_reverse_are_off_unless_asked_for() -> None:
    assert (Augmentation().flip, Augmentation().reverse) == (0, 0)
    torch.testing.assert_close(only(flip=1)(clips()), clips().flip(-1).float())
    torch.testing.assert_close(only(reverse=1)(clips()), clips().flip(1).float())


def test_a_grey_clip_has_three_equal_channels() -> None:
    grey = only(grey=1)(clips())
    torch.testing.assert_close(grey, grey[:, :, :1].expand_as(grey))
    red, green, blue = clips()[0, 0, :, 0, 0].tolist()
    assert grey[0, 0, 0, 0, 0].item() == pytest.approx(
        0.299 * red + 0.587 * green + 0.114 * blue, abs=0.1
    )


def test_brightness_multiplies_pixels_by_one_factor_per_clip() -> None:
    torch.manual_seed(0)
    dim = torch.full((3, 2, 3, 8, 8), 100.0)
    factors = only(brightness=0.4)(dim)[:, 0, 0, 0, 0] / 100
    assert len(set(factors.tolist())) == 3
    assert ((factors >= 0.6) & (factors <= 1.4)).all()


@pytest.mark.parametrize(("name", "value"), [("crop", 1.0), ("hue", 0.6), ("flip", -0.1)])
def test_a_number_out_of_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"augmentation's {name} is {value}"):
        only(**{name: value})


def test_an_augmentation_is_described_and_built_again() -> None:
    augment = Augmentation(crop=0.1, flip=0.5, view=1)
    again = build(describe(augment))
    torch.manual_seed(0)
    first = augment(clips())
    torch.manual_seed(0)
    assert torch.equal(again(clips()), first)


@pytest.mark.gpu
def test_the_same_changes_are_drawn_on_any_device() -> None:
    augment = only(crop=0.4, brightness=0.4, contrast=0.4, saturation=0.2, grey=0.5, blur=0.5)
    torch.manual_seed(0)
    here = augment(clips())
    torch.manual_seed(0)
    torch.testing.assert_close(augment(clips().cuda()).cpu(), here, rtol=1e-3, atol=0.05)


@pytest.mark.parametrize("channels", [2, 4])
def test_each_view_of_a_clip_of_flow_is_cropped_and_flipped_as_its_frames_would_be(
    channels: int,
) -> None:
    generator = torch.Generator().manual_seed(0)
    flow = torch.randn(8, 6, channels, 24, 24, generator=generator)
    augment = only(crop=0.5, flip=0.5, view=3)
    torch.manual_seed(1)
    changed = augment(flow)
    torch.manual_seed(1)
    geometry = augment._geometry(flow.reshape(16, 3, channels, 24, 24))
    assert geometry.flipped is not None
    assert 0 < int(geometry.flipped.sum()) < 16
    for view in range(16):
        clip, part = divmod(view, 2)
        for way in range(0, channels, 2):  # forward and backward flow, each by itself
            fields = flow[clip : clip + 1, 3 * part : 3 * part + 3, way : way + 2]
            assert geometry.boxes is not None
            alone = Geometry(geometry.boxes[view : view + 1], geometry.flipped[view : view + 1])
            found = changed[clip, 3 * part : 3 * part + 3, way : way + 2]
            torch.testing.assert_close(found, alone.of_flow(fields)[0])


@pytest.mark.parametrize("change", ["brightness", "hue", "grey", "blur", "reverse"])
def test_changes_that_flow_cannot_have_are_refused(change: str) -> None:
    with pytest.raises(InputError, match=f"augmentation has {change} 0.5, and clips are flow"):
        only(**{change: 0.5})(torch.zeros(1, 2, 2, 8, 8))
