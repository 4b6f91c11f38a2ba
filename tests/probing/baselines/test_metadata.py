from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.probing.baselines.metadata import Metadata

ROW = Row(
    path="a.mp4", video="1", frames=50, rate=25.0, width=64, height=48, duration=2.0, bytes=999
)


def test_metadata_is_what_the_index_measured_and_no_pixel() -> None:
    found = Metadata().features(Manifest((ROW, replace(ROW, bytes=1)), Path()))
    assert found.tolist() == [[2, 50, 25, 64, 48, 999], [2, 50, 25, 64, 48, 1]]


def test_metadata_of_segments_has_their_own_length_and_start() -> None:
    rows = (replace(ROW, start=0.5, end=1.25), replace(ROW, start=1.5))
    found = Metadata().features(Manifest(rows, Path()))
    assert found[:, 6:].tolist() == [[0.75, 0.5], [0.5, 1.5]]
