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
