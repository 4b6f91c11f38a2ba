from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from selfvid.data.flow.folder import FlowWriter, write_rows
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.errors import InputError
from selfvid.flow.quantise import dequantise, quantise
from selfvid.probing.baselines.flow_histograms import FlowHistograms
from tests.data.flow.examples import ROW
from tests.reference.histograms import slow_histograms

FLOW = torch.randn(12, 2, 9, 14, generator=torch.Generator().manual_seed(0))
CODES, _ = quantise(FLOW, bound=6)
FIELDS = dequantise(CODES, bound=6)


def _slow(fields: torch.Tensor, *, grid: int, bins: int) -> np.ndarray:
    return np.asarray(slow_histograms(fields, grid=grid, bins=bins).mean(0))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with FlowWriter(tmp_path / "a.mkv", rate=25.0, comment="test") as file:
        file.append(CODES)
    size = (tmp_path / "a.mkv").stat().st_size
    row = replace(ROW, frames=13, height=9, width=14, bound=6.0, clipped=0.0, settings="{}")
    row = replace(row, bytes=size)
    write_rows(tmp_path, [row])
    return tmp_path


def _manifest(**more: float) -> Manifest:
    row = Row(path="a.mp4", video="1", frames=13, rate=10.0)
    return Manifest((replace(row, **more),), Path())  # type: ignore[arg-type]


def test_features_are_roots_of_the_histograms_of_equal_parts(folder: Path) -> None:
    (found,) = FlowHistograms(folder).features(_manifest())
    expected = [np.sqrt(_slow(part, grid=4, bins=8)) for part in FIELDS.split(4)]
    assert found.shape == (3 * 4 * 4 * 8,)
    assert np.allclose(found, np.concatenate([e.ravel() for e in expected]), atol=1e-4)


def test_mirrored_histograms_are_the_mean_with_those_of_the_mirror_image(folder: Path) -> None:
    (found,) = FlowHistograms(folder, mirror=True, bins=8).features(_manifest())
    image = FIELDS.flip(-1) * torch.tensor([-1.0, 1.0])[:, None, None]
    expected = [
        (np.sqrt(_slow(part, grid=4, bins=8)) + np.sqrt(_slow(other, grid=4, bins=8))) / 2
        for part, other in zip(FIELDS.split(4), image.split(4), strict=True)
    ]
    assert np.allclose(found, np.concatenate([e.ravel() for e in expected]), atol=1e-4)


def test_a_long_part_is_read_piece_by_piece(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = FlowHistograms(folder, segments=1).features(_manifest())
    monkeypatch.setattr("selfvid.probing.baselines.flow_histograms._AT_A_TIME", 5)
    assert np.allclose(FlowHistograms(folder, segments=1).features(_manifest()), whole, atol=1e-6)


def test_a_segment_has_the_flow_between_its_own_frames(folder: Path) -> None:
    (found,) = FlowHistograms(folder, segments=1, grid=1).features(_manifest(start=0.4, end=0.7))
    expected = np.sqrt(_slow(FIELDS[4:7], grid=1, bins=8)).ravel()
    assert np.allclose(found, expected, atol=1e-4)


def test_flow_that_gives_no_histogram_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"a\.mp4 has 1 fields of flow; expected at least 3"):
        FlowHistograms(folder).check(_manifest(start=0.4, end=0.5))
    with pytest.raises(InputError, match="is of 13 frames; the manifest says 20"):
        FlowHistograms(folder).check(_manifest(frames=20))
    with pytest.raises(InputError, match="grid is 0"):
        FlowHistograms(folder, grid=0)
    with pytest.raises(InputError, match="none' is no folder; expected a folder"):
        FlowHistograms(folder / "none")
    with pytest.raises(InputError, match="9x14; expected at least 20 pixels"):
        FlowHistograms(folder, grid=20).features(_manifest())


def test_an_estimator_gives_the_histograms_of_the_folder_that_it_fills(
    digits_manifest: Path, digits_flow: Path
) -> None:
    few = Manifest.read(digits_manifest).select(range(2))
    expected = FlowHistograms(digits_flow).features(few)
    assert (FlowHistograms("dis", size=(32, 32)).features(few) == expected).all()
    with pytest.raises(InputError, match="size is 12x12; expected at least 16 pixels"):
        FlowHistograms("dis", size=(12, 12)).check(few)
