import pytest
import torch

from selfvid.backbones.karpathy import SlowFusion
from selfvid.backbones.small import SmallNet
from selfvid.encoders.base import load_encoder
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.flow_input import FlowFields
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.places import PlacesEncoder
from selfvid.errors import InputError


def test_a_step_vector_holds_the_means_of_the_cells_of_its_map() -> None:
    inner = FrameEncoder(SmallNet(stages=(8, 16), norm="none"))
    encoder = PlacesEncoder(inner, grid=2, level=0)
    clip = torch.randint(0, 256, (2, 3, 3, 16, 16), dtype=torch.uint8)
    features = encoder(clip)
    maps = inner(clip).need_maps("test")[0]  # (B, S, 8, 8, 8)
    assert encoder.widths.clip == 8 * 4
    for clip_ in range(2):
        for step in range(3):
            cells = [
                maps[clip_, step, channel, v : v + 4, u : u + 4].mean()
                for channel in range(8)
                for v in (0, 4)
                for u in (0, 4)
            ]
            torch.testing.assert_close(features.need_steps("test")[clip_, step], torch.stack(cells))
    torch.testing.assert_close(features.clip, features.need_steps("test").mean(1))


def test_it_sees_what_the_encoder_sees_and_can_be_loaded_again(tmp_path: object) -> None:
    encoder = PlacesEncoder(ClipEncoder(SlowFusion("small", channels=1)), grid=2).eval()
    assert (encoder.window, encoder.one_length, encoder.frames_for(1)) == (10, True, 10)
    clip = torch.randint(0, 256, (1, 10, 3, 64, 64), dtype=torch.uint8)
    loaded = load_encoder(encoder.save(f"{tmp_path}/saved"))
    assert torch.equal(loaded(clip).clip, encoder(clip).clip)
    of_flow = FrameEncoder(SmallNet(channels=2, stages=(8,)), input=FlowFields())
    assert PlacesEncoder(of_flow).in_channels == 2


def test_a_map_that_is_not_there_is_refused() -> None:
    inner = FrameEncoder(SmallNet(stages=(8, 16)))
    with pytest.raises(InputError, match="level 2; expected 1 or more, and one of the 2 maps"):
        PlacesEncoder(inner, level=2)
    with pytest.raises(InputError, match="grid is 0"):
        PlacesEncoder(inner, grid=0)
