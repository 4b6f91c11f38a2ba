from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import selfvid.export.onnx
import selfvid.export.parity
from selfvid.backbones.small import SmallNet
from selfvid.encoders.base import Encoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.export import export
from selfvid.export.parity import Plan, compare
from selfvid.recurrent import PeepholeLSTMCell
from selfvid.types import Features, Widths
from tests.export.encoders import saved

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("wrong", [1.5, float("nan")])
def test_small_features_are_compared_by_their_own_size(
    wrong: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = FrameEncoder(SmallNet(channels=1, stages=(8,), features=4))
    with torch.no_grad():
        for name, parameter in encoder.backbone.named_parameters():
            if name.startswith("last."):
                parameter.abs_().mul_(1e-5)
    run = saved(encoder, tmp_path / "run")
    honest = export(run, format="onnx")
    assert all(0 < check.largest < 1e-4 for check in honest.parity.checks)

    def out_of_proportion(encoder: Encoder, clip: Tensor) -> dict[str, Tensor]:
        features = encoder(clip)
        return {"clip": wrong * features.clip, "steps": features.need_steps("the test")}

    monkeypatch.setattr(selfvid.export.parity, "outputs", out_of_proportion)
    with pytest.raises(InputError, match="outputs differ from PyTorch"):
        export(run, format="onnx", overwrite=True)
    assert (honest.folder / "encoder.onnx").is_file()  # the earlier one is still there


PLAN = Plan(frames=8, size=(4, 6), window=3, stride=2, any_length=True, tolerance=1e-4)
FIXED = replace(PLAN, any_length=False)


def test_clips_of_free_length_have_two_steps_at_least() -> None:
    # The second step of a window of 3 frames begins 2 frames later and ends with frame 5.
    assert PLAN.shortest == 3 + 2
    assert PLAN.checked == ((2, 8), (1, 5), (3, 11))
    assert FIXED.shortest == 8
    assert FIXED.checked == ((2, 8), (1, 8), (3, 8))


def test_the_shape_of_a_clip_as_text() -> None:
    assert PLAN.spelled == "(B, T, 3, 4, 6), T at least 5"
    assert FIXED.spelled == "(B, 8, 3, 4, 6)"


def test_noise_can_be_repeated_and_differs_between_shapes() -> None:
    assert torch.equal(PLAN.clip(2, 8), PLAN.clip(2, 8))
    assert not torch.equal(PLAN.clip(2, 8)[:1], PLAN.clip(1, 8))


def snippet(folder: Path, outputs: str) -> Path:
    """A snippet whose `encode` returns this expression of the clips."""
    path = folder / "use_encoder.py"
    path.write_text(f"import numpy as np\n\ndef encode(clips):\n    return {outputs}\n")
    return path


class Means(Encoder):
    """The mean of every colour, as a vector of each clip."""

    def __init__(self) -> None:
        super().__init__()
        self.widths = Widths(clip=3)

    def forward(self, clip: Tensor) -> Features:
        return Features(clip=clip.float().mean((1, 3, 4)))


MEAN = "clips.astype(np.float32).mean((1, 3, 4))"


def test_the_difference_is_the_largest_of_all_outputs(tmp_path: Path) -> None:
    code = snippet(tmp_path, f"{{'clip': {MEAN} + np.array([0, 0.25, -0.5], np.float32)}}")
    parity = compare(Means(), code, replace(PLAN, tolerance=1.0))
    assert parity.difference == pytest.approx(0.5, abs=1e-4)
    assert [check.shape[:2] for check in parity.checks] == list(PLAN.checked)
    for check, (batch, frames) in zip(parity.checks, PLAN.checked, strict=True):
        largest = PLAN.clip(batch, frames).float().mean((1, 3, 4)).max()
        assert check.largest == pytest.approx(largest.item())


@pytest.mark.parametrize(
    "outputs", [f"{{'steps': {MEAN}}}", f"{{'clip': {MEAN}[:, :2]}}", f"{{'clip': {MEAN}[None]}}"]
)
def test_an_output_with_another_name_or_shape_is_refused(outputs: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"outputs of a clip \(2, 8, 3, 4, 6\) are"):
        compare(Means(), snippet(tmp_path, outputs), PLAN)


class Remembering(Means):
    """The same means, of an encoder that has a recurrent cell."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = PeepholeLSTMCell(1, 1)


def test_growth_along_longer_clips_is_noted_for_encoders_with_a_memory(tmp_path: Path) -> None:
    code = snippet(tmp_path, f"{{'clip': {MEAN} + np.float32(1e-3 * clips.shape[1])}}")
    free = replace(PLAN, any_length=True, tolerance=1.0)
    parity = compare(Remembering(), code, free)
    assert [check.shape[1] for check in parity.longer] == [4 * free.frames, 16 * free.frames]
    for check in parity.longer:
        assert check.difference == pytest.approx(1e-3 * check.shape[1], rel=0.1)
    assert parity.growth() == "it grows with the length: 0.03 on 32 frames, 0.1 on 128 frames"
    assert not compare(Means(), code, free).longer
    assert not compare(Remembering(), code, replace(free, any_length=False)).longer
