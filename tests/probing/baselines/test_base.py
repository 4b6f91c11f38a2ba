from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from selfvid.data.manifest.manifest import Manifest
from selfvid.probing.baselines.base import Baseline
from selfvid.saving.recorded import build, describe


class Constant(Baseline):
    """One number for every video."""

    def __init__(self, value: float) -> None:
        self.name = f"constant {value}"
        self.value = value

    def features(self, manifest: Manifest) -> NDArray[np.float64]:
        return np.full((len(manifest), 1), self.value)


def test_a_baseline_is_built_again_from_what_it_records() -> None:
    module = Constant.__module__.partition(".")[0]
    again = build(describe([Constant(2.5)]), allow=[f"{module}."])[0]
    assert (type(again), again.name, again.value) == (Constant, "constant 2.5", 2.5)


def test_a_baseline_that_checks_nothing_takes_any_manifest() -> None:
    Constant(1.0).check(Manifest((), Path()))


def test_a_baseline_without_features_cannot_be_made() -> None:
    class Empty(Baseline):
        name = "empty"

    with pytest.raises(TypeError, match="features"):
        Empty()  # type: ignore[abstract]
