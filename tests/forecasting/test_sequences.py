from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from selfvid.forecasting.sequences import ClipsToForecast, Sequences


class Complete(Sequences):
    def tested(self) -> Iterator[ClipsToForecast]:
        yield from ()

    def training(self) -> Iterator[ClipsToForecast]:
        yield from ()

    def in_words(self) -> tuple[str, ...]:
        return ()

    def about(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize("name", ["tested", "training", "in_words", "about"])
def test_a_source_must_have_every_method(name: str) -> None:
    incomplete = type("Incomplete", (Complete,), {name: getattr(Sequences, name)})
    with pytest.raises(TypeError, match=name):
        incomplete()


def test_every_source_has_its_own_list_of_faults() -> None:
    first, second = Complete(), Complete()
    first.faults.append("a.mp4 is too short")
    assert second.faults == []


def test_the_true_flow_of_clips_is_unknown_unless_it_is_given() -> None:
    clips = ClipsToForecast(torch.zeros(2, 5, 3, 8, 8, dtype=torch.uint8), ("a", "b"))
    assert clips.flow is None
