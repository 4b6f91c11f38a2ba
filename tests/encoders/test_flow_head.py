import pytest
import torch
from torch import nn

from selfvid.encoders.flow_head import REACH, FlowHead, WideConv2d
from selfvid.errors import InputError


@pytest.mark.parametrize(("inputs", "outputs", "kernel"), [(3, 2, 5), (2, 2, 15), (4, 1, 7)])
def test_a_wide_convolution_and_its_gradients_are_those_of_pytorch(
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


def test_at_first_nothing_moves_and_only_the_last_layer_learns() -> None:
    torch.manual_seed(0)
    head = FlowHead(4, kernel=3)
    flow = head(torch.randn(2, 4, 6, 8))
    assert torch.equal(flow, torch.zeros(2, 2, 6, 8))
    (flow - 1).square().sum().backward()
    learning = [
        name
        for name, weight in head.named_parameters()
        if weight.grad is not None and weight.grad.any()
    ]
    assert all(name.startswith("layers.2.") for name in learning)
    assert learning


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_flow_is_no_longer_than_a_share_of_its_own_side(sign: float) -> None:
    head = FlowHead(4, kernel=3)
    nn.init.constant_(head.layers[-1].bias, sign * 100)  # type: ignore[arg-type]
    flow = head(torch.zeros(1, 4, 6, 8))
    assert flow[0, 0].unique().tolist() == [sign * REACH * 8]
    assert flow[0, 1].unique().tolist() == [sign * REACH * 6]


@torch.no_grad()
def test_a_place_sees_as_far_as_both_kernels_reach() -> None:
    torch.manual_seed(0)
    head = FlowHead(1, kernel=5)
    nn.init.ones_(head.layers[-1].weight)  # type: ignore[arg-type]
    maps = torch.zeros(1, 1, 15, 15)
    maps[..., 7, 7] = 0.01
    seen = torch.nonzero((head(maps) - head(maps * 0)).abs().sum((0, 1)))
    reach = 5 // 2 + 5 // 2
    assert seen.min() == 7 - reach
    assert seen.max() == 7 + reach


@pytest.mark.parametrize("kernel", [0, 4])
def test_an_even_kernel_is_refused(kernel: int) -> None:
    with pytest.raises(InputError, match=f"flow_kernel must be odd to keep H and W, got {kernel}"):
        FlowHead(3, kernel=kernel)
