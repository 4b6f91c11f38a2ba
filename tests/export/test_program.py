from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from selfvid.export import export
from selfvid.export.command import Format
from selfvid.export.parity import Plan
from selfvid.export.program import VectorsOnly, trace, write_program
from tests.export.encoders import ENCODERS, SIZE, LoopEncoder, saved

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("format", ["onnx", "program"])
def test_a_graph_that_depends_on_time_is_exported_with_a_fixed_time(
    format: Format, tmp_path: Path
) -> None:
    made = export(saved(LoopEncoder(), tmp_path / "run"), format=format, allow=["tests."])
    assert not made.plan.any_length
    assert [check.shape[:2] for check in made.parity.checks] == [(2, 8), (1, 8), (3, 8)]
    assert "time fixed at T=8" in made.words
    assert "time is fixed: with any T the exporter failed (" in made.words
    card = json.loads((made.folder / "encoder.json").read_text())
    assert card["input"]["frames"] == ["B", 8, 3, SIZE, SIZE]
    assert sorted(card["outputs"]) == ["clip"]


def plan_of(*, any_length: bool) -> Plan:
    return Plan(4, (SIZE, SIZE), 1, 1, any_length=any_length, tolerance=1e-4)


@pytest.mark.parametrize("any_length", [True, False])
def test_a_graph_takes_any_batch_and_any_length_only_if_the_plan_says_so(any_length: bool) -> None:
    encoder = ENCODERS["pixels"]().eval()
    plan = plan_of(any_length=any_length)
    graph = trace(encoder, plan).module()
    with torch.no_grad():
        clip, steps = graph(plan.clip(5, 4))
        torch.testing.assert_close(clip, encoder(plan.clip(5, 4)).clip)
        assert steps.shape == (5, 4, 16)
        if any_length:
            torch.testing.assert_close(graph(plan.clip(1, 9))[0], encoder(plan.clip(1, 9)).clip)
        else:
            with pytest.raises((RuntimeError, AssertionError)):
                graph(plan.clip(1, 9))


def test_the_program_contains_its_card(tmp_path: Path) -> None:
    encoder = ENCODERS["pixels"]().eval().to(memory_format=torch.contiguous_format)
    write_program(encoder, tmp_path, plan_of(any_length=True))
    files = {"encoder.json": ""}
    torch.export.load(tmp_path / "encoder.pt2", extra_files=files)
    assert json.loads(files["encoder.json"])["outputs"]["clip"] == ["B", 16]


def test_an_exporter_gets_the_outputs_as_a_tuple() -> None:
    encoder = LoopEncoder()
    clip = plan_of(any_length=False).clip(2, 4)
    (only,) = VectorsOnly(encoder)(clip)
    assert torch.equal(only, encoder(clip).clip)
