from __future__ import annotations

from pathlib import Path

import pytest
import torch

from selfvid.data.flow.learnt import LearntFlow
from selfvid.errors import InputError
from selfvid.saving.recorded import build, describe
from tests.data.flow.examples import flowing
from tests.flow.textures import drifting


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("runs") / "flow"
    flowing().save(folder / "encoder")
    return str(folder)


def test_backward_flow_is_what_the_encoder_expects_of_the_next_frame(run: str) -> None:
    frames = drifting(6, x=1, y=1, height=32, width=40)
    found = LearntFlow(run, device="cpu")(frames, direction="backward")
    assert found.shape == (5, 2, 32, 40)
    with torch.no_grad():
        for t in range(5):
            alone = flowing()(frames[None, : t + 1]).need_flow("test")[0, -1]
            assert torch.allclose(found[t], alone, atol=1e-5)
    assert found.abs().max() > 0.1


def test_forward_flow_is_expected_of_the_video_in_reverse(run: str) -> None:
    frames = drifting(4, x=1, y=0, height=32, width=32)
    learnt = LearntFlow(run, device="cpu")
    found = learnt(frames)
    for t in range(3):
        later = frames[t + 1 :].flip(0)
        with torch.no_grad():
            expected = flowing()(later[None]).need_flow("test")[0, -1]
        assert torch.allclose(found[t], expected, atol=1e-5)


def test_its_context_is_as_long_as_the_clips_it_was_trained_on(run: str) -> None:
    assert LearntFlow(run).context == 4


def test_settings_tell_encoders_apart_wherever_they_lie(run: str, tmp_path: Path) -> None:
    flowing().save(tmp_path / "same")
    flowing(seed=1).save(tmp_path / "other")
    learnt = LearntFlow(run)
    assert LearntFlow(str(tmp_path / "same")).settings == learnt.settings
    assert LearntFlow(str(tmp_path / "other")).settings != learnt.settings
    assert build(describe(learnt)).settings == learnt.settings


def test_an_encoder_without_flow_is_refused(tmp_path: Path) -> None:
    flowing(flow_kernel=None).save(tmp_path / "plain")
    with pytest.raises(
        InputError, match="predicts no flow; expected one that FlowAutoencoder trained"
    ):
        LearntFlow(str(tmp_path / "plain"))
