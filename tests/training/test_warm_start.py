from pathlib import Path

import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.encoders.base import Encoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.training.run_folder import warm_start


def on_frames() -> FrameEncoder:
    return FrameEncoder(SmallNet(channels=1, stages=(8, 8)))


def sliding() -> SlidingEncoder:
    return SlidingEncoder(on_frames(), stride=2, window=2)


def weights(encoder: Encoder) -> dict[str, torch.Tensor]:
    """Of what lies within a sliding encoder, or of the encoder itself."""
    inner = encoder.encoder if isinstance(encoder, SlidingEncoder) else encoder
    return {name: value.clone() for name, value in inner.state_dict().items()}


@pytest.mark.parametrize(
    ("earlier", "later"),
    [(on_frames, on_frames), (on_frames, sliding), (sliding, on_frames), (sliding, sliding)],
    ids=["same", "into a sliding one", "out of a sliding one", "both sliding"],
)
def test_weights_find_their_place(earlier: object, later: object, tmp_path: Path) -> None:
    assert callable(earlier)
    assert callable(later)
    before, after = earlier(), later()
    start = weights(before)
    assert any(not torch.equal(value, start[name]) for name, value in weights(after).items())
    before.save(tmp_path / "earlier")
    warm_start(after, tmp_path / "earlier")
    found = weights(after)
    assert found.keys() == start.keys()
    assert all(torch.equal(found[name], value) for name, value in start.items())
