from pathlib import Path

import pytest
import torch

from selfvid.data.digits.files import write_footage
from selfvid.data.flow.command import compute_flow
from selfvid.data.indexing.command import index

SHARED = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that need a GPU where there is none."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu") is not None:
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"no real data at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def digits_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty-two drifting digits as indexed video files, columns digit and direction."""
    folder = tmp_path_factory.mktemp("digits")
    table = write_footage(folder / "videos", videos=32, frames=8, size=32, seed=1)
    manifest = folder / "digits.csv"
    index(table, out=manifest, quiet=True, workers=1)
    return manifest


@pytest.fixture(scope="session")
def digits_flow(digits_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the optical flow of the drifting digits in both directions, 32x32."""
    out = tmp_path_factory.mktemp("digits_flow") / "flow"
    compute_flow(digits_manifest, out=out, direction="both", workers=1, quiet=True)
    return out
