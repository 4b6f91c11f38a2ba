import pytest
import torch

from selfvid.data.clips.crops import Crop
from selfvid.errors import InputError


def clips(batch: int = 2, frames: int = 3, channels: int = 3) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(batch, frames, channels, 8, 10)


def test_ten_views_are_corners_and_centre_and_their_mirrors() -> None:
    whole = clips()
    views = Crop((4, 6), tested="ten").views(whole).unflatten(0, (2, 10))
    corners = [(2, 2), (0, 0), (0, 4), (4, 0), (4, 4)]
    for number, (top, left) in enumerate(corners):
        cut = whole[..., top : top + 4, left : left + 6]
        assert torch.equal(views[:, number], cut)
        assert torch.equal(views[:, number + 5], cut.flip(-1))


def test_four_views_are_the_corners_two_of_them_mirrored() -> None:
    whole = clips()
    crop = Crop((4, 6), tested="four")
    views = crop.views(whole).unflatten(0, (2, crop.count))
    for number, (top, left, turned) in enumerate([(0, 0, 0), (0, 4, 1), (4, 0, 1), (4, 4, 0)]):
        cut = whole[..., top : top + 4, left : left + 6]
        assert torch.equal(views[:, number], cut.flip(-1) if turned else cut)


def test_all_frames_of_a_clip_are_cut_alike() -> None:
    still = clips(frames=1).expand(-1, 5, -1, -1, -1)
    torch.manual_seed(1)
    cut = Crop(4, sides=[3, 5, 7], mirror=0.5)(still)
    assert cut.shape == (2, 5, 3, 4, 4)
    for frame in cut.unbind(1):
        assert torch.equal(frame, cut[:, 0])


def test_random_crops_reach_every_place() -> None:
    marked = torch.zeros(1, 1, 1, 8, 10)
    marked[0, 0, 0] = torch.arange(80).view(8, 10)
    torch.manual_seed(0)
    found = {int(Crop(7)(marked)[0, 0, 0, 0, 0]) for _ in range(100)}
    assert found == {row * 10 + column for row in range(2) for column in range(4)}


def test_mirrored_flow_points_the_other_way() -> None:
    stack = clips(channels=4)
    turned = Crop((8, 10), mirror=1.0)(stack)
    assert torch.equal(turned[:, :, 0::2], -stack.flip(-1)[:, :, 0::2])
    assert torch.equal(turned[:, :, 1::2], stack.flip(-1)[:, :, 1::2])


def test_resized_flow_is_as_long_as_its_frame() -> None:
    steady = torch.ones(1, 1, 2, 8, 10) * torch.tensor([3.0, 5.0])[:, None, None]
    torch.manual_seed(0)
    for _ in range(5):
        cut = Crop(4, sides=[8])(steady)
        torch.testing.assert_close(cut[0, 0, 0], torch.full((4, 4), 3.0 * 4 / 8))
        torch.testing.assert_close(cut[0, 0, 1], torch.full((4, 4), 5.0 * 4 / 8))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"size": 0}, "must be positive"),
        ({"size": 4, "sides": [0]}, "must be positive"),
        ({"size": 4, "mirror": 1.5}, "mirror is 1.5; expected a probability"),
        ({"size": 4, "tested": "two"}, "tested is 'two'; expected one of centre, four, ten"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments: dict, complaint: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match=complaint):
        Crop(**arguments)


def test_frames_smaller_than_the_crop_are_refused() -> None:
    with pytest.raises(InputError, match=r"size \[8, 10\] is smaller than the crop \[9, 9\]"):
        Crop(4, sides=[4, 9]).check((8, 10))
