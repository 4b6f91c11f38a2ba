from __future__ import annotations

import pytest

from selfvid.errors import InputError
from selfvid.saving.plain_data import plain_yaml


def test_yaml_with_aliases_is_plain_data() -> None:
    text = "base: &base {a: 1}\nother: {<<: *base, b: [2, *base]}\n"
    assert plain_yaml(text, what="it") == {"base": {"a": 1}, "other": {"a": 1, "b": [2, {"a": 1}]}}


def test_a_bomb_of_aliases_deep_nesting_and_no_yaml_are_one_line() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    for text, cause in [
        (bomb, r"recipe 'r' stands for 1.2e\+12 values through its aliases"),
        ("a: &a [*a]\n", "stands for inf values"),
        ("[" * 5000, "nested too deeply"),
        ("{a: " * 5000, "nested too deeply"),
        ("a: b: c", "recipe 'r' is no YAML"),
        ("!!python/object/apply:os.system [ls]", "recipe 'r' is no YAML"),
    ]:
        with pytest.raises(InputError, match=cause):
            plain_yaml(text, what="recipe 'r'")
