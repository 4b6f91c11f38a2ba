"""A dropout layer that says which share is none."""

from __future__ import annotations

from torch import nn

from selfvid.errors import InputError


def checked_dropout(name: str, share: float) -> nn.Dropout:
    """A dropout layer that drops `share`, an argument called `name`.

    Raises:
        InputError: where the share is not one.
    """
    if not 0 <= share < 1:
        raise InputError(f"{name} is {share}; expected a share to drop, from 0 to below 1")
    return nn.Dropout(share)
