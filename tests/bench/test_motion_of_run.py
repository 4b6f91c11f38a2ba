from __future__ import annotations

from pathlib import Path

import pytest

from selfvid.data.manifest.manifest import Manifest
from tests.bench.motion_of_run import main
from tests.finetuning.tuned import tanh_encoder, tuned

pytestmark = pytest.mark.slow


def test_a_run_that_sees_single_frames_minds_no_order(
    digits_manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = {"steps": 2, "batch": 4, "warmup": 0}
    tuned(digits_manifest, tmp_path / "run", frames=4, plan=plan, encoder=tanh_encoder())
    capsys.readouterr()
    main([str(tmp_path / "run"), str(digits_manifest), "--label", "direction"])
    said = capsys.readouterr().out
    tested = sum(row.split == "test" for row in Manifest.read(digits_manifest).rows)
    assert f"% of {tested} test videos classified correctly, as they are " in said
    whole, shuffled = (said.partition(f"{words} ")[2].split()[0] for words in ("are", "shuffled"))
    assert whole.strip(",") == shuffled
