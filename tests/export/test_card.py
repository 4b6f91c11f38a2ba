from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from selfvid.encoders.base import load_encoder
from selfvid.export import export
from selfvid.export.card import card
from selfvid.export.parity import Check, Parity, Plan
from tests.export.encoders import ENCODERS, LoopEncoder, saved


def test_native_export_is_an_encoder_again(tmp_path: Path) -> None:
    made = export(saved(ENCODERS["pixels"](), tmp_path / "run"), format="native")
    again = load_encoder(made.folder)
    assert again.provenance.frames == 8


PLAN = Plan(frames=8, size=(32, 48), window=4, stride=2, any_length=True, tolerance=1e-4)


def test_a_card_of_free_length_names_the_free_axes() -> None:
    about = card(ENCODERS["pixels"](), PLAN)
    assert about["input"]["frames"] == ["B", "T", 3, 32, 48]
    assert about["input"]["least_frames"] == 4 + 2
    assert about["outputs"] == {"clip": ["B", 16], "steps": ["B", "S", 16]}
    assert "parity" not in about


def test_a_card_of_fixed_length_counts_the_steps() -> None:
    about = card(ENCODERS["pixels"](), replace(PLAN, any_length=False))
    windows = [first for first in range(0, 8, 2) if first + 4 <= 8]
    assert about["outputs"]["steps"] == ["B", len(windows), 16]
    assert about["input"]["least_frames"] == 8


def test_an_encoder_without_steps_has_one_output_and_parity_is_written_down() -> None:
    parity = Parity(1e-4, (Check((2, 8), 1e-6, 1.0), Check((1, 8), 3e-6, 1.0)))
    about = card(LoopEncoder(features=5), PLAN, parity)
    assert about["outputs"] == {"clip": ["B", 5]}
    assert about["parity"]["difference"] == 3e-6
    assert len(about["parity"]["checks"]) == 2
    assert json.loads(json.dumps(about))["encoder"] == about["encoder"]


def test_the_card_of_an_encoder_of_flow_says_what_flow_it_takes(tmp_path: Path) -> None:
    run = saved(ENCODERS["flow both ways"](), tmp_path / "run", flow='dis {"preset": "medium"}')
    made = export(run, format="native", quiet=True)
    about = json.loads((made.folder / "encoder.json").read_text())["input"]
    assert about["frames"] == ["B", "T", 4, 32, 32]
    assert about["type"] == "float32"
    assert about["flow"].startswith("displacements in pixels of frames of 32x32, x (to the right)")
    assert about["channels"] == ["x forward", "y forward", "x backward", "y backward"]
    assert about["trained_on"] == 'dis {"preset": "medium"}'
    assert "colour" not in about
    assert "optical flow in pixels" in (made.folder / "use_encoder.py").read_text()
    assert "takes flow (B, T, 4, 32, 32)" in made.words
    forward = export(saved(ENCODERS["flow"](), tmp_path / "other"), format="native", quiet=True)
    about = json.loads((forward.folder / "encoder.json").read_text())["input"]
    assert (about["channels"], about["trained_on"]) == (["x forward", "y forward"], "unknown")
    assert "backward" not in about
