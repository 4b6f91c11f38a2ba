"""Weights that somebody else trained: torchvision's, downloaded or from a file at hand."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import get_model_weights

from selfvid.errors import InputError


def load_weights(network: nn.Module, weights: str, *, name: str) -> None:
    """Fill `network` in place.

    Args:
        network: a torchvision network, possibly without its classifier.
        weights: ``random`` (leave as it is), ``imagenet`` (torchvision's default weights, from
            its cache or downloaded), or the path of a state dict (.pth or .safetensors).
        name: torchvision's name of the network, such as ``resnet18``.

    Raises:
        InputError: without a network connection, or where the weights do not fit.
    """
    if weights == "random":
        return
    state = _downloaded(name) if weights == "imagenet" else _from_file(Path(weights))
    wanted = set(network.state_dict())
    missing = sorted(wanted - set(state))
    if missing:
        raise InputError(
            f"weights {weights!r} lack {len(missing)} of {len(wanted)} entries of {name}, "
            f"first {missing[0]!r}; expected a state dict of torchvision's {name}"
        )
    try:
        network.load_state_dict({key: state[key] for key in wanted})
    except RuntimeError as error:
        cause = str(error).splitlines()[-1].strip()
        raise InputError(f"weights {weights!r} do not fit {name}: {cause}") from None


def _downloaded(name: str) -> dict[str, Tensor]:
    published = get_model_weights(name)["DEFAULT"]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(published.url).name
    try:
        state = torch.hub.load_state_dict_from_url(
            published.url, progress=True, check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"weights 'imagenet' of {name} could not be downloaded ({_first_line(error)}); "
            f"expected a network connection, the file at {cached}, or weights: random"
        ) from None
    return dict(state)


def _from_file(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise InputError(f"weights {str(path)!r} is no file; expected random, imagenet or a file")
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
