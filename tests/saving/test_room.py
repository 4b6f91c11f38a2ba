"""Amounts in words, and the refusal of what the disk cannot hold."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from selfvid.errors import InputError
from selfvid.saving.whole import format_bytes, format_seconds, require_disk_space


def test_amounts_are_told_in_the_unit_that_suits_them() -> None:
    assert [format_bytes(size) for size in (2_500_000, 3e9)] == ["2.5 MB", "3.0 GB"]
    assert [format_seconds(length) for length in (90, 600, 9000)] == ["90 s", "10 min", "2.5 h"]


def test_what_does_not_fit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2_000_000))
    assert require_disk_space(2e6, tmp_path, what="frames", expected="less") == 2_000_000
    with pytest.raises(
        InputError, match=r"frames take about 2\.1 MB .* 2\.0 MB free; expected less"
    ):
        require_disk_space(2.1e6, tmp_path, what="frames", expected="less")
