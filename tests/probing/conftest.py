from __future__ import annotations

from pathlib import Path

import pytest

from selfvid.data.manifest.manifest import Manifest
from selfvid.probing.command import probe
from selfvid.probing.result import ProbeResult
from tests.probing.footage import FAST, an_encoder, write_bars


@pytest.fixture(scope="session")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of 24 videos of bars, the takes of two directions."""
    return write_bars(tmp_path_factory.mktemp("bars"))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, bars: Path) -> Path:
    """A run whose encoder was pretrained on the first four videos."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    footage = tuple(row.video for row in Manifest.read(bars).rows[:4])
    an_encoder(footage=footage).save(folder / "encoder")
    an_encoder(seed=6).save(folder / "encoder_at_start")
    (folder / "recipe.yaml").write_text("encoder: {backbone: {weights: random}}\ninit: null\n")
    return folder


@pytest.fixture(scope="session")
def result(run: Path, bars: Path) -> ProbeResult:
    """A probe of the run's encoder on the bars, written into the run."""
    return probe(run, bars, pool="segments", segments=2, **FAST)
