"""The flow estimator RAFT, a network trained with true flow; torchvision's, with its weights."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torchvision.models import get_model, get_model_weights

from selfvid.compute import Device, choose_device
from selfvid.errors import InputError
from selfvid.flow.estimate import FlowEstimator
from selfvid.saving.loading import is_loading

# Frames are padded to a multiple of 8 and to at least 128 pixels on each side: the network computes
# at an eighth of the size, and its pyramid of four levels needs 16 positions there.
_STRIDE, _LEAST = 8, 128
_PAIRS = 4  # pairs of frames computed at a time: fast, and little memory


class RAFT(FlowEstimator):
    """Recurrent all-pairs field transforms, after Teed and Deng (2020).

    The network was trained with the true flow of rendered scenes. An encoder that is trained with
    its flow is therefore not trained without labels.

    Args:
        variant: ``small`` or ``large``.
        weights: ``torchvision`` for the published weights, which are downloaded once, or the path
            of a state dict (.pth).
        updates: number of refinements of the flow.
        device: device to compute on; ``auto`` uses a GPU if there is one.

    Raises:
        InputError: If the weights cannot be downloaded or do not fit, or the device does not
            exist.
    """

    name = "raft"

    def __init__(
        self,
        *,
        variant: Literal["small", "large"] = "small",
        weights: str = "torchvision",
        updates: int = 12,
        device: Device = "auto",
    ) -> None:
        if is_loading():
            raise InputError("RAFT is no part of a saved module")
        if variant not in ("small", "large"):
            raise InputError(f"variant is {variant!r}; expected small or large")
        if updates < 1:
            raise InputError(f"updates is {updates}; expected at least 1")
        self.device = choose_device(device)
        self.on_gpu = self.device.type == "cuda"
        self.updates = updates
        self._network: nn.Module = get_model(f"raft_{variant}", weights=None)
        state = _published(f"raft_{variant}") if weights == "torchvision" else _of_file(weights)
        try:
            self._network.load_state_dict(state)
        except RuntimeError as error:
            cause = str(error).splitlines()[-1].strip()
            raise InputError(f"weights {weights!r} do not fit raft_{variant}: {cause}") from None
        self._network.to(self.device).eval()

    @property
    def settings(self) -> dict[str, Any]:
        """The variant, the number of updates and a hash of the weights."""
        digest = hashlib.sha256()
        for key, tensor in sorted(self._network.state_dict().items()):
            digest.update(key.encode() + tensor.cpu().contiguous().numpy().tobytes())
        given = super().settings
        kept = {key: given[key] for key in ("variant", "updates")}
        return kept | {"weights": digest.hexdigest()[:16]}

    @torch.inference_mode()
    def _forward(self, frames: Tensor) -> Tensor:
        height, width = frames.shape[-2:]
        below, right = _missing(height), _missing(width)
        fields = []
        for first in range(0, len(frames) - 1, _PAIRS):
            some = frames[first : first + _PAIRS + 1].to(self.device).float() / 127.5 - 1
            framed = pad(some, (0, right, 0, below), mode="replicate")
            found = self._network(framed[:-1], framed[1:], num_flow_updates=self.updates)[-1]
            fields.append(found[..., :height, :width].to(frames.device))
        return torch.cat(fields).clone()


def _missing(side: int) -> int:
    """Return the pixels to pad a side with, up to a multiple of the stride and the least side."""
    return max(-side % _STRIDE, _LEAST - side)


def _published(name: str) -> dict[str, Tensor]:
    url = get_model_weights(name)["DEFAULT"].url
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    try:
        state = torch.hub.load_state_dict_from_url(url, check_hash=True, weights_only=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"weights of {name} could not be downloaded ({_first_line(error)}); expected a "
            f"network connection, the file at {cached}, or weights: PATH"
        ) from None
    return dict(state)


def _of_file(weights: str) -> dict[str, Tensor]:
    path = Path(weights)
    if not path.is_file():
        raise InputError(f"weights {weights!r} is no file; expected torchvision or a file")
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise InputError(f"weights {weights!r} are no state dict: {_first_line(error)}") from None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
