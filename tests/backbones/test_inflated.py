import pytest
import torch
from torch import nn

from selfvid.backbones.alexnet import AlexNet
from selfvid.backbones.base import Backbone
from selfvid.backbones.inflated import Inflated
from selfvid.backbones.resnet import ResNet
from selfvid.backbones.small import SmallNet
from selfvid.errors import InputError


def stirred(backbone: Backbone) -> Backbone:
    """The network with norms that are not the identity, in evaluation mode."""
    for layer in backbone.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)  # type: ignore[arg-type]
            nn.init.uniform_(layer.running_var, 0.5, 2.0)  # type: ignore[arg-type]
    return backbone.eval()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ResNet(18),
        lambda: SmallNet(channels=3, stages=(8, 16), grid=2, features=5),
        lambda: SmallNet(channels=3, stages=(8, 16), norm="batch"),
    ],
)
@pytest.mark.parametrize(("frames", "extent"), [(1, 3), (5, 3), (8, 5)])
@torch.inference_mode()
def test_a_clip_of_one_frame_is_seen_as_the_frame_was(
    make: object, frames: int, extent: int
) -> None:
    torch.manual_seed(0)
    flat = stirred(make())  # type: ignore[operator]
    deep = Inflated(flat, frames=frames, extent=extent).eval()
    picture = torch.randn(2, 3, 64, 64)
    wanted, found = flat(picture), deep(picture.unsqueeze(2).expand(-1, -1, frames, -1, -1))
    torch.testing.assert_close(found.vector, wanted.vector, rtol=1e-4, atol=1e-5)
    for maps, level in zip(found.maps, wanted.maps, strict=True):
        same = level.unsqueeze(2).expand_as(maps)
        torch.testing.assert_close(maps, same, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_an_inflated_network_sees_the_order_of_frames_once_its_kernels_differ() -> None:
    torch.manual_seed(0)
    deep = Inflated(SmallNet(channels=3, stages=(8, 16)), frames=6).eval()
    clip = torch.randn(1, 3, 6, 32, 32)
    # Kernels that are repeated over time are symmetric in time.
    torch.testing.assert_close(deep(clip).vector, deep(clip.flip(2)).vector)
    for layer in deep.modules():
        if isinstance(layer, nn.Conv3d):
            layer.weight[:, :, 0] *= 2
    assert not torch.allclose(deep(clip).vector, deep(clip.flip(2)).vector, atol=1e-4)


def test_the_given_network_stays_as_it_is() -> None:
    flat = SmallNet(channels=3, stages=(8,))
    deep = Inflated(flat, frames=4)
    assert isinstance(flat.network[0][0], nn.Conv2d)  # type: ignore[index]
    assert not any(isinstance(layer, nn.Conv2d) for layer in deep.modules())


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (
            lambda: Inflated(AlexNet()),
            "AlexNet cannot be inflated; expected a ResNet or a SmallNet",
        ),
        (lambda: Inflated(SmallNet(), extent=2), "extent 2; expected"),
        (lambda: Inflated(SmallNet(), frames=0), "frames is 0"),
    ],
)
def test_what_cannot_be_inflated_is_refused(make: object, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        make()  # type: ignore[operator]
