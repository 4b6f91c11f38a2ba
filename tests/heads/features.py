"""Features to try heads on."""

import torch

from selfvid.types import Features, Widths

WIDTHS = Widths(clip=6, steps=6, maps=(4, 8))
BATCH, STEPS, CLASSES = 3, 5, 4


def features(*, seed: int = 0) -> Features:
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(BATCH, *shape, generator=generator)

    steps = drawn(STEPS, 6)
    return Features(
        clip=steps.mean(1),
        steps=steps,
        maps=(drawn(STEPS, 4, 8, 8), drawn(STEPS, 8, 4, 4)),
    )
