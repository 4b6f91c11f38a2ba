"""Functions that load pretrained weights, from torchvision or from a file, into a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import get_model_weights

from selfvid.errors import InputError
from selfvid.saving.loading import is_loading

Published = Literal["imagenet", "kinetics"]

COLOURS = 3  # input channels of networks that were pretrained on RGB


def load_weights(
    network: nn.Module,
    weights: str,
    *,
    name: str,
    published: Published | None = "imagenet",
    layers: Mapping[str, str] | None = None,
) -> None:
    """Load weights into `network`, in place.

    If the first layer of the weights takes RGB and the network's takes another number of channels,
    it is converted by `inflate_colours`.

    Args:
        network: a torchvision network, possibly without its classifier.
        weights: ``random`` (leave the network unchanged), the value of `published` (torchvision's
            default weights, from its cache or downloaded), or the path of a state dict (.pth or
            .safetensors). Nothing is fetched or opened while a saved module is loaded.
        name: torchvision's name of the network, such as ``resnet18``.
        published: the data set of torchvision's weights; None if it has none for this network.
        layers: names of layers in other people's files, and the names of the same layers in
            `network`.

    Raises:
        InputError: If there is no network connection, or the weights do not fit.
    """
    if weights == "random" or is_loading():
        return
    state = _downloaded(name, weights) if weights == published else _from_file(weights, published)
    state = _renamed(state, layers or {})
    ours = network.state_dict()
    missing = sorted(set(ours) - set(state))
    if missing:
        raise InputError(
            f"weights {weights!r} lack {len(missing)} of {len(ours)} entries of {name}, "
            f"first {missing[0]!r}; expected a state dict of {_whose(published, layers)} {name}"
        )
    try:
        network.load_state_dict({key: inflate_colours(state[key], like=ours[key]) for key in ours})
    except RuntimeError as error:
        cause = str(error).splitlines()[-1].strip()
        raise InputError(f"weights {weights!r} do not fit {name}: {cause}") from None


def inflate_colours(weight: Tensor, *, like: Tensor) -> Tensor:
    """Convert filters of RGB to filters of as many channels as `like` has.

    The mean over the colours is repeated, as Wang et al. (arXiv:1507.02159) initialise networks on
    stacks of flow from networks on RGB. Other weights are returned unchanged.

    Args:
        weight: (D, 3, ...).
        like: (D, C, ...), or a weight of any other shape.
    """
    fits = weight.shape[:1] + weight.shape[2:] == like.shape[:1] + like.shape[2:]
    if weight.ndim < 4 or not fits or weight.shape[1] != COLOURS:
        return weight
    if like.shape[1] == COLOURS:
        return weight
    return weight.mean(1, keepdim=True).expand_as(like)


def inflate_kernel(weight: Tensor, extent: int) -> Tensor:
    """Convert a filter of images (D, C, h, w) to a filter of clips (D, C, extent, h, w).

    The filter is repeated over time and divided by `extent`, so that its response to a clip that
    repeats one image is its response to that image (Carreira and Zisserman, arXiv:1705.07750).
    """
    return weight.unsqueeze(2).repeat(1, 1, extent, 1, 1) / extent


def _renamed(state: dict[str, Tensor], layers: Mapping[str, str]) -> dict[str, Tensor]:
    renamed = {}
    for name, value in state.items():
        layer, dot, kind = name.rpartition(".")
        renamed[f"{layers.get(layer, layer)}{dot}{kind}"] = value
    return renamed


def _whose(published: Published | None, layers: Mapping[str, str] | None) -> str:
    if published is not None:
        return "torchvision's"
    return f"this package's, or with layers {', '.join(layers)}, of" if layers else "this package's"


def _downloaded(name: str, weights: str) -> dict[str, Tensor]:
    published = get_model_weights(name)["DEFAULT"]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(published.url).name
    try:
        state = torch.hub.load_state_dict_from_url(
            published.url, progress=True, check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"weights {weights!r} of {name} could not be downloaded ({_first_line(error)}); "
            f"expected a network connection, the file at {cached}, or weights: random"
        ) from None
    return dict(state)


def _from_file(weights: str, published: Published | None) -> dict[str, Tensor]:
    path = Path(weights)
    if not path.is_file():
        named = "random" if published is None else f"random, {published}"
        raise InputError(f"weights {weights!r} is no file; expected {named} or a file")
    if path.suffix == ".safetensors":
        return dict(load_file(path))
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(
            f"weights {str(path)!r} are no plain state dict: {_first_line(error)}"
        ) from None
    return dict(state)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
