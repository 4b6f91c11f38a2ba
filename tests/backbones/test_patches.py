import pytest
import torch
from torch.nn import functional

from selfvid.backbones.patches import PatchNet
from selfvid.errors import InputError


def test_a_place_of_the_map_holds_the_pixels_of_its_patch() -> None:
    frames = torch.rand(2, 3, 8, 12)
    net = PatchNet(channels=3, patch=4)
    features = net(frames)
    (patches,) = features.maps
    assert patches.shape == (2, *net.widths.maps, 2, 3)
    corner = frames[1, :, 4:8, 8:12]
    assert torch.equal(patches[1, :, 1, 2].sort().values, corner.flatten().sort().values)
    assert torch.equal(functional.pixel_shuffle(patches, 4), frames)
    torch.testing.assert_close(features.vector, patches.flatten(2).mean(2))


def test_frames_that_patches_do_not_tile_are_refused() -> None:
    with pytest.raises(InputError, match=r"frames of 8×10 are not tiled .* multiples of 4"):
        PatchNet(channels=1)(torch.rand(1, 1, 8, 10))
    with pytest.raises(InputError, match="channels and patch must be positive, got 3 and 0"):
        PatchNet(patch=0)
