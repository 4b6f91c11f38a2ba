"""Bounds on what is built while a module is loaded from a folder.

The folder may come from a stranger. Its description says which classes are built with which
arguments; these bounds hold whatever it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from selfvid.errors import InputError

_MOST_MODULES = 20_000  # far more than any network has: a ResNet-152 has about 700
# Numbers beyond those that are stored. A network may build a classifier that it then takes off.
_MOST_SPARE = 200_000_000

_LOADING: ContextVar[bool] = ContextVar("loading", default=False)


def is_loading() -> bool:
    """Return whether a module is being built whose weights will come from its own folder.

    Constructors then neither download weights nor open any file.
    """
    return _LOADING.get()


@contextmanager
def bounded_loading(stored: int) -> Iterator[None]:
    """Context manager in which a module is built for weights that its folder contains.

    Args:
        stored: number of bytes of these weights.

    Raises:
        InputError: Inside, as soon as the module has too many parts or numbers for these weights.
    """
    modules = numbers = 0
    most = _MOST_SPARE + 2 * stored

    def count_module(parent: nn.Module, name: str, child: nn.Module | None) -> None:
        del parent, name, child
        nonlocal modules
        modules += 1
        if modules > _MOST_MODULES:
            raise InputError(f"the config describes more than {_MOST_MODULES:,} modules")

    def count_numbers(parent: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        del parent, name
        nonlocal numbers
        numbers += 0 if parameter is None else parameter.numel()
        if numbers > most:
            raise InputError(
                f"the config describes more than {most:,} weights, and {stored:,} bytes are stored"
            )

    hooks = [
        register_module_module_registration_hook(count_module),
        register_module_parameter_registration_hook(count_numbers),
    ]
    token = _LOADING.set(True)
    try:
        yield
    finally:
        _LOADING.reset(token)
        for hook in hooks:
            hook.remove()
