"""Sizes of networks, counted from hooks and by arithmetic."""

import torch
from torch import nn


def sides(net: nn.Module, frames: torch.Tensor) -> list[int]:
    """Side of the output of each convolution and pooling."""
    found: list[int] = []
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.MaxPool2d)):
            layer.register_forward_hook(lambda _, __, out: found.append(out.shape[-1]))
    net(frames)
    return found


def parameters(*layers: tuple[int, int, int]) -> int:
    """Weights and biases of layers given as inputs of one output, outputs, and groups."""
    return sum(inputs * outputs // groups + outputs for inputs, outputs, groups in layers)


def counted(net: nn.Module) -> int:
    """Weights and biases that the network has."""
    return sum(weight.numel() for weight in net.parameters())
