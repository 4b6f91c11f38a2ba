"""Factors of the learning rate for parts of a model, and frozen parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from torch import nn

from selfvid.errors import InputError


@dataclass(frozen=True)
class Rates:
    """Factors of the learning rate for parts of a model.

    A part is given by the beginning of its weights' names in ``named_parameters``, such as
    ``encoder`` or ``encoder.backbone.network.layer1``; a ``*`` in it stands for any text, so that
    ``encoder.*.bias`` is all biases of the encoder. If several parts contain a weight, the longest
    name counts.

    Attributes:
        factors: the factor of each part. 0 freezes a part; weights of no part have the factor 1.

    Raises:
        InputError: If a factor is negative.
    """

    factors: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part, factor in self.factors.items():
            if factor < 0:
                raise InputError(f"rate of {part!r} is {factor}; expected 0 or more")

    def of(self, name: str) -> float:
        """Return the factor of the weight called `name`."""
        fitting = [part for part in self.factors if _contains(part, name)]
        return float(self.factors[max(fitting, key=len)]) if fitting else 1.0

    def check(self, model: nn.Module) -> None:
        """Check that the model has all parts.

        Raises:
            InputError: If it lacks one; the message lists the parts that the model has.
        """
        names = [name for name, _ in model.named_parameters()]
        for part in self.factors:
            if not any(_contains(part, name) for name in names):
                there = sorted({".".join(name.split(".")[:2]) for name in names})
                raise InputError(
                    f"rates name {part!r}, which the model has not; expected one of "
                    f"{', '.join(there)} or a part of these"
                )

    def freeze(self, model: nn.Module) -> None:
        """Exclude every weight with a factor of 0 from training."""
        for name, weight in model.named_parameters():
            if self.of(name) == 0:
                weight.requires_grad_(False)

    def parted(
        self, model: nn.Module, parameters: Iterable[nn.Parameter]
    ) -> dict[float, list[nn.Parameter]]:
        """Group the trainable weights among `parameters` by their factor."""
        names = {id(weight): name for name, weight in model.named_parameters()}
        parts: dict[float, list[nn.Parameter]] = defaultdict(list)
        for weight in parameters:
            if weight.requires_grad:
                parts[self.of(names[id(weight)])].append(weight)
        return dict(parts)


UNIFORM = Rates()


def freeze_statistics(model: nn.Module) -> None:
    """Put every module whose weights are all frozen into evaluation mode.

    Otherwise a frozen batch norm would still update its running averages, and a dropout layer
    inside a frozen module would only add noise.
    """
    for module in model.modules():
        weights = list(module.parameters())
        if weights and not any(weight.requires_grad for weight in weights):
            module.eval()


def _contains(part: str, name: str) -> bool:
    """Whether the weight called `name` belongs to `part`."""
    return any(fnmatchcase(name, pattern) for pattern in (part, f"{part}.*"))
