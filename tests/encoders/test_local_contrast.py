import pytest
import torch
from torch.nn import functional

from selfvid.encoders.local_contrast import LocalContrast
from selfvid.errors import InputError


def test_local_contrast_is_what_a_loop_over_windows_finds() -> None:
    torch.manual_seed(0)
    clip = torch.randint(0, 256, (1, 1, 3, 7, 9), dtype=torch.uint8)
    luma = torch.tensor([0.299, 0.587, 0.114])
    grey = (clip[0, 0].float() / 255 * luma[:, None, None]).sum(0)

    def window_mean(image: torch.Tensor) -> torch.Tensor:
        rows = [
            torch.stack(
                [
                    image[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].mean()
                    for x in range(image.shape[1])
                ]
            )
            for y in range(image.shape[0])
        ]
        return torch.stack(rows)

    around = grey - window_mean(grey)
    contrast = window_mean(around**2).sqrt()
    wanted = around / contrast.clamp_min(contrast.mean())
    torch.testing.assert_close(LocalContrast(3)(clip)[0, 0, 0], wanted)


def test_light_and_contrast_change_nothing_and_a_blank_frame_is_nothing() -> None:
    clip = torch.rand(1, 2, 3, 20, 20) * 200
    layer = LocalContrast()
    torch.testing.assert_close(layer(clip / 2 + 50), layer(clip), rtol=1e-3, atol=1e-4)
    assert functional.l1_loss(layer(clip * 0 + 7), torch.zeros(1, 2, 1, 20, 20)) < 1e-4
    with pytest.raises(InputError, match="side of a window must be odd, got 4"):
        LocalContrast(4)
