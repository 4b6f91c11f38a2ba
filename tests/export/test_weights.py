from __future__ import annotations

from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import torch
import torchvision
from safetensors.torch import load_file
from torch import nn

from selfvid.backbones.small import SmallNet
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput, Input, PixelInput
from selfvid.errors import InputError
from selfvid.export import export
from selfvid.export.parity import Plan
from selfvid.export.weights import _numbers, _preparation, write_weights
from tests.export.encoders import ENCODERS, SIZE, LoopEncoder, saved


def test_weights_load_strictly_into_torchvisions_own_class(tmp_path: Path) -> None:
    encoder = ENCODERS["resnet"]()
    made = export(saved(encoder, tmp_path / "run"), format="weights")
    model = torchvision.models.resnet18()
    model.fc = nn.Identity()
    model.load_state_dict(load_file(made.folder / "backbone.safetensors"), strict=True)
    frames = PixelInput()(made.plan.clip(1, 3))[0]
    with torch.no_grad():
        wanted = encoder(made.plan.clip(1, 3)).need_steps("the test")[0]
        torch.testing.assert_close(model.eval()(frames), wanted)


def test_weights_of_an_encoder_without_a_backbone_are_refused(tmp_path: Path) -> None:
    run = saved(LoopEncoder(), tmp_path / "run")
    with pytest.raises(InputError, match="format 'weights' is for frame encoders, got LoopEnc"):
        export(run, format="weights", allow=["tests."])


@pytest.mark.parametrize("input", [PixelInput(), DifferenceInput("rgb")])
def test_the_lines_of_the_snippet_compute_the_input_of_the_network(input: Input) -> None:
    clips = torch.randint(0, 256, (2, 4, 3, 5, 6), dtype=torch.uint8)
    lines = indent(_preparation(input), "    ")
    names: dict[str, Any] = {"torch": torch}
    exec(f"def network_input(clips):\n{lines}", names)
    torch.testing.assert_close(names["network_input"](clips), input(clips))


def test_an_input_of_another_kind_has_no_lines() -> None:
    assert _preparation(PixelInput("grey", mean=(0.5,), deviation=(0.25,))) == ""
    assert _preparation(DifferenceInput("grey")) == ""


def test_numbers_are_written_as_they_were_given() -> None:
    given = [0.485, 0.456, 1 / 3]
    assert _numbers(torch.tensor(given)) == [0.485, 0.456, 0.3333333]


def test_a_network_of_this_package_is_built_by_its_snippet(tmp_path: Path) -> None:
    encoder = FrameEncoder(SmallNet(channels=1, stages=(8, 16))).eval()
    plan = Plan(4, (SIZE, SIZE), 1, 1, any_length=True, tolerance=1e-4)
    parity = write_weights(encoder, tmp_path, plan)
    assert parity.difference <= 1e-5
    state = load_file(tmp_path / "backbone.safetensors")
    assert state.keys() == encoder.backbone.state_dict().keys()
