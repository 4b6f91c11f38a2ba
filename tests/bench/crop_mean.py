"""How far the mean flow of a crop is from that of the whole field, from which it is cut.

Run with ``python -m tests.bench.crop_mean FLOW.flo``, a file of true flow in Middlebury's format.
The network input of Simonyan and Zisserman (2014) has the mean displacement of the field
subtracted. Subtracting the mean of the crop instead shifts the whole input by the distance that is
printed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from selfvid.data.flow.middlebury import read_flo

CROPS = 10
SHARE = 2 / 3  # of each side


def distances(field: Tensor, *, seed: int = 0) -> Tensor:
    """Return the distance of the two means in pixels for some random crops, (CROPS,).

    Args:
        field: flow in pixels, (2, H, W).
        seed: seed of the places of the crops.
    """
    height, width = field.shape[-2:]
    h, w = round(SHARE * height), round(SHARE * width)
    generator = torch.Generator().manual_seed(seed)
    means = []
    for _ in range(CROPS):
        top = int(torch.randint(height - h + 1, (), generator=generator))
        left = int(torch.randint(width - w + 1, (), generator=generator))
        means.append(field[:, top : top + h, left : left + w].mean((1, 2)))
    return (torch.stack(means) - field.mean((1, 2))).norm(dim=1)


def main(arguments: list[str] | None = None) -> None:
    """Print the mean and the largest distance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("flow", type=Path)
    found = distances(read_flo(parser.parse_args(arguments).flow).flow)
    print(f"{CROPS} crops: {found.mean():.2f} px on average, {found.max():.2f} px at most")


if __name__ == "__main__":
    main()
