import pytest
import torch
from torch import nn

from selfvid.encoders.flow_head import WideConv2d


@pytest.mark.parametrize(("inputs", "outputs", "kernel"), [(3, 2, 5), (2, 2, 15), (4, 1, 7)])
def test_it_is_a_convolution_and_so_are_its_gradients(
    inputs: int, outputs: int, kernel: int
) -> None:
    torch.manual_seed(0)
    ours = WideConv2d(inputs, outputs, kernel).double()
    plain = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2).double()
    plain.load_state_dict(ours.state_dict())
    maps = [torch.randn(2, inputs, 9, 6, dtype=torch.float64) for _ in range(1)] * 2
    found = []
    for layer, x in zip((ours, plain), maps, strict=True):
        x = x.clone().requires_grad_()
        out = layer(x)
        (out * torch.arange(out.numel()).view_as(out)).sum().backward()
        found.append([out, x.grad, *(weight.grad for weight in layer.parameters())])
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_under_autocast_rows_are_added_up_with_all_digits() -> None:
    torch.manual_seed(0)
    layer, x = WideConv2d(16, 2, 15), torch.randn(2, 16, 20, 20)
    exact = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        short = layer(x)
        plain = nn.functional.conv2d(x, layer.weight, layer.bias, padding=7)
    assert short.dtype == torch.bfloat16
    assert (short - exact).abs().mean() < 1.2 * (plain - exact).abs().mean()
