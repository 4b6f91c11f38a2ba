from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from selfvid.data.clips.sampling import EvenClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import Row
from selfvid.errors import InputError
from selfvid.features.videos import Read
from selfvid.forecasting import footage
from selfvid.forecasting.command import forecast
from selfvid.forecasting.footage import VideoSequences
from selfvid.types import Clip

pytestmark = pytest.mark.slow


def test_footage_is_tested_on_its_test_split(video_run: Path, digits_manifest: Path) -> None:
    result = forecast(video_run, sequences=12, quiet=True)
    rows = [row for row in Manifest.read(digits_manifest).rows if row.split == "test"]
    data = result.protocol["data"]
    assert data["videos"] == len(rows)
    assert data["split"] == "test"
    assert "frames=5" in data["clips"]
    assert any(verdict.startswith("inductive") for verdict in result.verdicts)


def test_a_manifest_without_a_test_split_is_named_as_the_training_videos(
    video_run: Path, digits_manifest: Path, tmp_path: Path
) -> None:
    whole = Manifest.read(digits_manifest)
    alone = whole.select([row.split == "train" for row in whole.rows])
    Manifest(tuple(replace(row, split="") for row in alone.rows), whole.root).write(
        tmp_path / "train.csv"
    )
    result = forecast(
        video_run, tmp_path / "train.csv", sequences=4, out=tmp_path / "out", quiet=True
    )
    words = " ".join(result.verdicts)
    assert "transductive" in words
    assert "no split 'test'" in words
    assert result.protocol["data"]["videos"] == 4


def manifest_of(splits: list[str]) -> Manifest:
    """Rows that are not read: each its own group."""
    rows = (
        Row(path=f"{n}.mp4", split=split, video=f"id {n}", frames=50, group=f"group {n}")
        for n, split in enumerate(splits)
    )
    return Manifest(tuple(rows), Path())


def sequences(manifest: Manifest, **changes: Any) -> VideoSequences:
    plain: dict[str, Any] = {
        "trained": manifest, "footage": (), "cut": EvenClips(frames=5), "size": (8, 8),
        "count": 10, "batch": 4, "decoder": "auto", "workers": 0,
    }  # fmt: skip
    return VideoSequences(manifest, **plain | changes)


def reads(monkeypatch: pytest.MonkeyPatch, faults: dict[int, str]) -> list[int]:
    """Replace decoding: clip c of row r is grey 10 r + c; return clips per video that were cut."""
    cut: list[int] = []

    def read(manifest: Manifest, rule: EvenClips, **_: object) -> Iterator[Read]:
        cut.append(rule.clips)
        for row in range(len(manifest)):
            frames = [
                torch.full((5, 3, 8, 8), 10 * row + clip, dtype=torch.uint8)
                for clip in range(0 if row in faults else rule.clips)
            ]
            clips = tuple(Clip(each, times=torch.zeros(5), video="") for each in frames)
            yield Read(row, 0, True, clips, faults.get(row, ""))

    monkeypatch.setattr(footage, "read_clips", read)
    return cut


def test_every_video_gives_equally_many_clips_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = reads(monkeypatch, {})
    batches = list(sequences(manifest_of(["test"] * 3), count=10, batch=4).tested())
    assert cut == [3]  # a third of ten, rounded down
    assert [len(batch.frames) for batch in batches] == [4, 4, 1]
    shades = [int(frames[0, 0, 0, 0]) for batch in batches for frames in batch.frames]
    assert shades == [0, 1, 2, 10, 11, 12, 20, 21, 22]
    groups = [group for batch in batches for group in batch.groups]
    assert [groups[n] == groups[n - 1] for n in range(1, 9)] == [True, True, False] * 2 + [True] * 2


def test_videos_without_a_clip_are_counted_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    reads(monkeypatch, {1: "1.mp4 is too short"})
    source = sequences(manifest_of(["test"] * 3))
    for _ in range(2):  # a second reading does not count them again
        assert sum(len(batch.groups) for batch in source.tested()) == 6
    assert "left out: 1 videos gave no clip (1.mp4 is too short)" in source.in_words()
    reads(monkeypatch, {0: "0.mp4 is too short", 1: "", 2: ""})
    with pytest.raises(InputError, match=r"none of 3 videos gave a clip .* 0\.mp4 is too short"):
        list(source.tested())


def test_rows_of_the_test_split_are_tested_or_all_rows_if_there_are_none() -> None:
    some = sequences(manifest_of(["train", "test", "", "test"]), footage=("id 0",))
    assert [row.path for row in some.rows.rows] == ["1.mp4", "3.mp4"]
    assert some.in_words()[0].startswith("inductive")
    whole = sequences(manifest_of(["train", ""]), footage=("id 0",))
    assert len(whole.rows) == 2
    assert whole.in_words()[0].startswith("transductive: 1 of 2")
    assert "no split 'test'" in whole.in_words()[1]


def test_a_large_manifest_is_thinned_out_evenly() -> None:
    found = sequences(manifest_of(["test"] * 101), count=5).rows
    assert [row.path for row in found.rows] == [f"{n}.mp4" for n in (0, 25, 50, 75, 100)]


def test_a_manifest_without_a_usable_video_is_refused() -> None:
    rows = tuple(replace(row, status="bad") for row in manifest_of(["test"] * 2).rows)
    with pytest.raises(InputError, match="no usable video among 2 rows"):
        sequences(Manifest(rows, Path()))
