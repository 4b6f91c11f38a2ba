"""How fast each part of a model learns: wholly, slowly or not at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import nn

from selfvid.errors import InputError


@dataclass(frozen=True)
class Rates:
    """Factors of the learning rate by part.

    A part is named as the model's `named_parameters` begin, such as ``encoder`` or
    ``encoder.backbone.network.layer1``; the longest name that fits a weight counts.

    Attributes:
        factors: by part; 0 freezes it, what is not named has 1.

    Raises:
        InputError: where a factor is negative.
    """

    factors: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part, factor in self.factors.items():
            if factor < 0:
                raise InputError(f"rate of {part!r} is {factor}; expected 0 or more")

    def of(self, name: str) -> float:
        """The factor of the weight called `name`."""
        fitting = [part for part in self.factors if name == part or name.startswith(f"{part}.")]
        return float(self.factors[max(fitting, key=len)]) if fitting else 1.0

    def check(self, model: nn.Module) -> None:
        """Refuse parts that the model does not have.

        Raises:
            InputError: naming the part and those there are.
        """
        names = [name for name, _ in model.named_parameters()]
        for part in self.factors:
            if not any(name == part or name.startswith(f"{part}.") for name in names):
                there = sorted({".".join(name.split(".")[:2]) for name in names})
                raise InputError(
                    f"rates name {part!r}, which the model has not; expected one of "
                    f"{', '.join(there)} or what lies within"
                )

    def freeze(self, model: nn.Module) -> None:
        """Take the gradient from every weight with a factor of 0."""
        for name, weight in model.named_parameters():
            if self.of(name) == 0:
                weight.requires_grad_(False)

    def parted(
        self, model: nn.Module, parameters: Iterable[nn.Parameter]
    ) -> dict[float, list[nn.Parameter]]:
        """Those of `parameters` that want gradients, by factor."""
        names = {id(weight): name for name, weight in model.named_parameters()}
        parts: dict[float, list[nn.Parameter]] = defaultdict(list)
        for weight in parameters:
            if weight.requires_grad:
                parts[self.of(names[id(weight)])].append(weight)
        return dict(parts)


UNIFORM = Rates()


def freeze_statistics(model: nn.Module) -> None:
    """Put every module whose own weights are all frozen into evaluation mode.

    A frozen batch norm would otherwise go on adapting its averages to the clips it sees, and a
    dropout in front of nothing that learns would only add noise.
    """
    for module in model.modules():
        weights = list(module.parameters())
        if weights and not any(weight.requires_grad for weight in weights):
            module.eval()
