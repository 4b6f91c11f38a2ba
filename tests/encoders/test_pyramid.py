import pytest
import torch

from selfvid.encoders.flow_input import FlowFields
from selfvid.encoders.input import DifferenceInput
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.pyramid import Pyramid
from selfvid.errors import InputError

FLOW = torch.randn(2, 3, 2, 8, 12, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("even", [False, True])
def test_vectors_are_means_over_cells_scale_after_scale(even: bool) -> None:
    vectors = Pyramid(FlowFields(scale=0.5), grids=(4, 2), even=even)
    made = vectors(FLOW)
    assert made.shape == (2, 1, 3, vectors.width)
    assert vectors.width == 2 * (16 + 4)
    for clip in range(2):
        for time in range(3):
            expected = []
            for grid in (4, 2):
                height, width = 8 // grid, 12 // grid
                for channel in range(2):
                    field = 2 * FLOW[clip, time, channel] * (4 / grid if even else 1)
                    expected += [
                        field[v : v + height, u : u + width].mean()
                        for v in range(0, 8, height)
                        for u in range(0, 12, width)
                    ]
            torch.testing.assert_close(made[clip, 0, time], torch.stack(expected))


def test_an_lstm_reads_differences_at_two_scales() -> None:
    encoder = LSTMEncoder(Pyramid(DifferenceInput("grey"), grids=(2, 1)), hidden=3)
    clip = torch.randint(0, 256, (1, 4, 3, 8, 8), dtype=torch.uint8)
    assert encoder(clip).need_steps("test").shape == (1, 3, 3)
    assert (encoder.window, encoder.in_channels) == (2, 3)


def test_one_scale_can_be_drawn_and_several_cannot() -> None:
    one = Pyramid(FlowFields(), grids=(4,))
    assert one.picture(one(FLOW)[:, 0]).shape == (2, 3, 3, 4, 4)
    with pytest.raises(InputError, match="vectors of Pyramid are no pictures"):
        Pyramid(FlowFields(), grids=(4, 2)).picture(torch.zeros(1, 40))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match=r"grids are \[\]; expected one positive number or more"):
        Pyramid(FlowFields(), grids=())
    with pytest.raises(InputError, match=r"frames are \(8, 12\); Pyramid expected at least 9"):
        Pyramid(FlowFields(), grids=(9,))(FLOW)
