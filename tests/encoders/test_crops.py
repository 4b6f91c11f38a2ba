import pytest
import torch
from torch import Tensor

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.crops import Crop
from selfvid.encoders.crops import check_crops, cuts_input, on_crops
from selfvid.encoders.flow_input import FlowImage, FlowStack
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import Input
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.errors import InputError
from selfvid.flow.stack import along_paths, flip_flow

LENGTH = 3


def encoder(layer: Input) -> FrameEncoder:
    torch.manual_seed(0)
    return FrameEncoder(SmallNet(channels=layer.channels, stages=(8,)), input=layer).eval()


def seen(network: FrameEncoder, flow: Tensor, crop: Crop) -> Tensor:
    """What the backbone is given of all views of a clip of flow."""
    found: list[Tensor] = []
    network.backbone.register_forward_pre_hook(lambda _, frames: found.append(frames[0]))
    on_crops(network, flow, crop.views)
    return found[0]


def fields() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return 4 * torch.randn(1, LENGTH, 2, 12, 16, generator=generator)


def test_the_mean_of_the_whole_field_is_taken_away_before_cutting() -> None:
    flow, crop = fields(), Crop(8, tested="ten")
    views = seen(encoder(FlowStack(LENGTH)), flow, crop)  # (10, 2L, 8, 8)
    by_hand = (flow[0] - flow[0].mean(dim=(-2, -1), keepdim=True)).flatten(0, 1)  # (2L, H, W)
    torch.testing.assert_close(views[0], by_hand[:, 2:10, 4:12])  # the centre
    torch.testing.assert_close(views[4], by_hand[:, 4:, 8:])  # the last corner
    torch.testing.assert_close(views[9], flip_flow(by_hand[:, 4:, 8:]))
    assert views[0].mean().abs() > 1e-3  # the crop has a mean of its own, which stays


def test_paths_leave_the_crop() -> None:
    flow = fields()
    layer = FlowStack(LENGTH, subtract_mean=False, along="path")
    views = seen(encoder(layer), flow, Crop(4, tested="ten"))
    whole = along_paths(flow)[0].flatten(0, 1)
    torch.testing.assert_close(views[1], whole[:, :4, :4])
    cut_first = along_paths(flow[..., :4, :4])[0].flatten(0, 1)
    assert not torch.allclose(views[1], cut_first, atol=0.1)


@pytest.mark.parametrize("layer", [FlowImage(), FlowStack(LENGTH, subtract_mean=False)])
def test_other_inputs_see_the_crop_alone(layer: Input) -> None:
    flow, crop, network = fields(), Crop(8, tested="four"), encoder(layer)
    assert not cuts_input(network)
    found = on_crops(network, flow, crop.views)
    torch.testing.assert_close(found.clip, network(crop.views(flow)).clip)
    assert found.clip.shape[0] == 4


def test_without_a_crop_the_clip_is_encoded_as_it_is() -> None:
    flow, network = fields(), encoder(FlowStack(LENGTH))
    assert cuts_input(network)
    torch.testing.assert_close(on_crops(network, flow, None).clip, network(flow).clip)
    on_crops(network, flow, Crop(8).views)
    torch.testing.assert_close(on_crops(network, flow, None).clip, network(flow).clip)


def test_windows_of_a_sliding_encoder_are_not_cut_apart() -> None:
    check_crops(encoder(FlowStack(LENGTH)))
    check_crops(SlidingEncoder(encoder(FlowStack(LENGTH, subtract_mean=False)), stride=1))
    with pytest.raises(InputError, match="crop is given and the encoder is a SlidingEncoder"):
        check_crops(SlidingEncoder(encoder(FlowStack(LENGTH)), stride=1))
