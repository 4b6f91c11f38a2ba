from pathlib import Path

import pytest

from tests.bench.on_gpu import packing
from tests.bench.on_gpu.packing import pack, unpack


def run_in(runs: Path, name: str, *, size: int) -> Path:
    run = runs / name
    for folder in ("checkpoints", "encoder_at_start", "pictures"):
        (run / folder).mkdir(parents=True)
    (run / "recipe.yaml").write_text(f"out: {name}\n")
    (run / "checkpoints" / "step-00000001.ckpt").write_bytes(b"older")
    (run / "checkpoints" / "step-00000002.ckpt").write_bytes(bytes(range(256)) * (size // 256))
    (run / "encoder_at_start" / "config.json").write_text("{}")
    (run / "pictures" / "large.png").write_bytes(b"picture")
    return run


def test_a_run_comes_back_as_it_was_without_what_it_does_not_need(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(packing, "PART", 4096)
    run = run_in(tmp_path / "runs", "small", size=8192)
    (tmp_path / "out").mkdir()
    assert pack(tmp_path / "runs", into=tmp_path / "out") == {}
    parts = list((tmp_path / "out").iterdir())
    assert len(parts) > 2
    assert max(part.stat().st_size for part in parts) <= 4096
    unpack(tmp_path / "out", into=tmp_path / "again")
    again = tmp_path / "again" / "small"
    kept = [path.relative_to(again) for path in again.rglob("*") if path.is_file()]
    assert {str(path) for path in kept} == {
        "recipe.yaml",
        "checkpoints/step-00000002.ckpt",
        "encoder_at_start/config.json",
    }
    assert all((again / path).read_bytes() == (run / path).read_bytes() for path in kept)


def test_a_run_that_is_too_large_is_left_behind_and_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(packing, "ROOM", 10_000)
    run_in(tmp_path / "runs", "large", size=65536)
    (tmp_path / "out").mkdir()
    assert set(pack(tmp_path / "runs", into=tmp_path / "out")) == {"large"}
    assert not list((tmp_path / "out").iterdir())


def test_a_run_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    run_in(tmp_path / "runs", "small", size=256)
    (tmp_path / "out").mkdir()
    pack(tmp_path / "runs", into=tmp_path / "out")
    (tmp_path / "runs" / "small" / "recipe.yaml").write_text("newer")
    unpack(tmp_path / "out", into=tmp_path / "runs")
    assert (tmp_path / "runs" / "small" / "recipe.yaml").read_text() == "newer"
