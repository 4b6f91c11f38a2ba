import pytest
import torch
from torch import Tensor, nn

from selfvid.backbones.base import ClipBackbone, ClipMaps, check_channels
from selfvid.errors import InputError
from selfvid.types import Widths


class Mean(ClipBackbone):
    """The mean colour of clips of 4 frames of at least 6 pixels."""

    channels, frames, least = 2, 4, 6
    widths = Widths(clip=2)
    network = nn.Identity()

    def forward(self, clips: Tensor) -> ClipMaps:
        self.check(clips)
        return ClipMaps(clips.mean((2, 3, 4)), ())


def test_clips_of_the_least_size_and_larger_ones_are_taken() -> None:
    for height, width in ((6, 6), (6, 9), (20, 7)):
        assert Mean()(torch.ones(3, 2, 4, height, width)).vector.tolist() == [[1.0, 1.0]] * 3


@pytest.mark.parametrize(
    ("shape", "complaint"),
    [
        ((1, 3, 4, 6, 6), r"Mean takes \(N, 2, 4, H, W\), got \(1, 3, 4, 6, 6\)"),
        ((1, 2, 5, 6, 6), r"Mean takes \(N, 2, 4, H, W\), got \(1, 2, 5, 6, 6\)"),
        ((2, 4, 6, 6), r"Mean takes \(N, 2, 4, H, W\), got \(2, 4, 6, 6\)"),
        ((1, 2, 4, 6, 5), "frames of 6×5 are too small for Mean; expected at least 6 pixels"),
    ],
)
def test_other_clips_are_refused(shape: tuple[int, ...], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Mean()(torch.zeros(shape))


def test_frames_have_at_least_one_channel() -> None:
    check_channels(1)
    with pytest.raises(InputError, match="channels must be at least 1, got 0"):
        check_channels(0)
