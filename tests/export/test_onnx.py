from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import selfvid.export.onnx
import selfvid.export.parity
from selfvid.encoders.base import load_encoder
from selfvid.export import export
from tests.export.encoders import ENCODERS, SIZE, saved

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["pixels", "differences"])
def test_onnx_snippet_needs_neither_torch_nor_selfvid(name: str, tmp_path: Path) -> None:
    made = export(saved(ENCODERS[name](), tmp_path / "run"), format="onnx")
    np.save(tmp_path / "clip.npy", made.plan.clip(3, 5).numpy())
    program = (
        "import sys, runpy, numpy as np\n"
        "sys.modules['torch'] = sys.modules['selfvid'] = None\n"
        f"encode = runpy.run_path({str(made.folder / 'use_encoder.py')!r})['encode']\n"
        f"np.savez({str(tmp_path / 'out.npz')!r}, **encode(np.load('clip.npy')))\n"
    )
    bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, env=bare)
    found = np.load(tmp_path / "out.npz")
    with torch.no_grad():
        wanted = load_encoder(tmp_path / "run")(made.plan.clip(3, 5))
    assert sorted(found) == ["clip", "steps"]
    np.testing.assert_allclose(found["clip"], wanted.clip, atol=1e-4)
    np.testing.assert_allclose(found["steps"], wanted.need_steps("the test"), atol=1e-4)


def test_the_onnx_file_contains_its_card_and_needs_no_other_file(tmp_path: Path) -> None:
    run = saved(ENCODERS["pixels"](), tmp_path / "run", fps=12.5, footage=("a", "b"))
    made = export(run, format="onnx")
    graph = onnx.load(made.folder / "encoder.onnx")
    onnx.checker.check_model(graph)
    card = json.loads({entry.key: entry.value for entry in graph.metadata_props}["selfvid"])
    assert json.loads((made.folder / "encoder.json").read_text()) == {"format": "onnx"} | card
    assert card["provenance"]["fps"] == 12.5
    assert card["provenance"]["footage"] == ["a", "b"]
    assert card["parity"]["difference"] == made.parity.difference
    assert card["input"]["frames"] == ["B", "T", 3, SIZE, SIZE]
    names = ["encoder.json", "encoder.onnx", "use_encoder.py"]
    assert [path.name for path in made.files] == names


def test_weights_beyond_the_limit_of_protobuf_are_in_a_file_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selfvid.export.onnx, "LARGEST_FILE", 100)
    made = export(saved(ENCODERS["pixels"](), tmp_path / "run"), format="onnx")
    assert "encoder.onnx.data" in [path.name for path in made.files]
