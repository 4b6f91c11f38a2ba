"""Weights that somebody else trained: torchvision's, downloaded or from a file at hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import get_model_weights

from selfvid.errors import InputError

Published = Literal["imagenet", "kinetics"]


def load_weights(
    network: nn.Module,
    weights: str,
    *,
    name: str,
    published: Published | None = "imagenet",
    layers: Mapping[str, str] | None = None,
) -> None:
    """Fill `network` in place; a first layer of three colours is inflated to its channels.

    Args:
        network: a torchvision network, possibly without its classifier.
        weights: ``random`` (leave as it is), what `published` says (torchvision's default
            weights, from its cache or downloaded), or the path of a state dict (.pth or
            .safetensors).
        name: torchvision's name of the network, such as ``resnet18``.
        published: what torchvision's weights of it were trained on; None where it has none.
        layers: of `network` by the names that files of others give them.

    Raises:
        InputError: without a network connection, or where the weights do not fit.
    """
    if weights == "random":
        return
    state = _downloaded(name, weights) if weights == published else _from_file(weights, published)
    state = _renamed(state, layers or {})
    wanted = set(network.state_dict())
    missing = sorted(wanted - set(state))
    if missing:
        raise InputError(
            f"weights {weights!r} lack {len(missing)} of {len(wanted)} entries of {name}, "
            f"first {missing[0]!r}; expected a state dict of {_whose(published, layers)} {name}"
        )
    ours = network.state_dict()
    try:
        network.load_state_dict(
            {key: inflate_colours(state[key], like=ours[key]) for key in wanted}
        )
    except RuntimeError as error:
        cause = str(error).splitlines()[-1].strip()
        raise InputError(f"weights {weights!r} do not fit {name}: {cause}") from None


def _renamed(state: dict[str, Tensor], layers: Mapping[str, str]) -> dict[str, Tensor]:
    found = {}
    for name, value in state.items():
        layer, _, kind = name.rpartition(".")
        found[f"{layers.get(layer, layer)}.{kind}"] = value
    return found


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


COLOURS = 3


def inflate_colours(weight: Tensor, *, like: Tensor) -> Tensor:
    """Filters of three colours for as many channels as `like` has; any other weight as it is.

    The mean over the colours is repeated, as Wang et al. (arXiv:1507.02159) made networks of RGB
    begin to see stacks of flow.

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
    """A filter of pictures (D, C, h, w) for clips, (D, C, extent, h, w).

    It is repeated over time and divided by its extent, so that a picture repeated over time is
    seen as it was (Carreira and Zisserman, arXiv:1705.07750).
    """
    return weight.unsqueeze(2).repeat(1, 1, extent, 1, 1) / extent
