"""Options with several values, written as words: ``--splits train.txt test.txt``.

jsonargparse (4.53) reads a list from one word, ``--splits '["train.txt", "test.txt"]'``, which
works too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from inspect import signature
from itertools import takewhile
from typing import Any

_LIST = re.compile(r"list\[(.*)\](?: \| None)?")


def with_lists(words: Sequence[str], function: Callable[..., Any]) -> list[str]:
    """Return the words with the values of each option that is a list as one word.

    Args:
        words: the words of the command line.
        function: the function of the command; its annotations are texts.
    """
    items = {
        f"--{name}": match[1]
        for name, parameter in signature(function).parameters.items()
        if (match := _LIST.fullmatch(str(parameter.annotation)))
    }
    joined: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        values: list[str] = []
        if word in items:
            values = list(takewhile(lambda value: not _is_option(value), words[at:]))
        if values and not values[0].startswith(("[", "{")):
            at += len(values)
            numbers = items[word] in ("int", "float")
            texts = values if numbers else [json.dumps(value) for value in values]
            word = f"{word}=[{', '.join(texts)}]"
        joined.append(word)
    return joined


def _is_option(word: str) -> bool:
    """Return whether a word is the name of an option; negative numbers are none."""
    return word.startswith("-") and not re.match(r"-[\d.]", word)
