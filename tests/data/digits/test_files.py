from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest

from selfvid.data.digits import files as digit_footage
from selfvid.data.digits.files import Kind, write_footage
from selfvid.data.digits.glyphs import load_glyphs
from selfvid.data.digits.moving_digits import DIRECTIONS
from selfvid.errors import InputError


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def grey_frames(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)])


def test_drifting_footage_is_labelled_by_what_it_shows(tmp_path: Path) -> None:
    rows = table(write_footage(tmp_path / "new", kind="drifting", videos=40, frames=6))
    assert Counter(row["split"] for row in rows) == {"train": 30, "test": 10}
    for row in rows:
        split, glyph = row["group"].split("-")
        glyphs = load_glyphs("sklearn", split=row["split"])  # type: ignore[arg-type]
        assert split == row["split"]
        assert int(row["digit"]) == glyphs.labels[int(glyph)]
        frames = grey_frames(tmp_path / "new" / row["path"]).astype(float)
        assert frames.shape == (6, 64, 64)
        assert direction_seen(frames) == row["direction"]
        glyph_light = glyphs.images[int(glyph)].double().sum().item()
        assert frames.sum() / 6 == pytest.approx(glyph_light, rel=0.1)


def direction_seen(frames: np.ndarray) -> str:
    spectra = np.fft.fft2(frames[0]), np.fft.fft2(frames[-1])
    peak = np.fft.ifft2(spectra[1] * spectra[0].conj()).real.argmax()
    moved = [place - 64 if place > 32 else place for place in (peak % 64, peak // 64)]
    return max(DIRECTIONS, key=lambda name: float(np.dot(DIRECTIONS[name], moved)))


def test_directions_are_equally_frequent(tmp_path: Path) -> None:
    rows = table(write_footage(tmp_path, videos=64, frames=2, size=32))
    for split, each in (("train", 6), ("test", 2)):
        seen = Counter(row["direction"] for row in rows if row["split"] == split)
        assert set(seen.values()) == {each}
        assert set(seen) == set(DIRECTIONS)


def test_bouncing_groups_share_no_glyph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {split: load_glyphs("sklearn", split=split) for split in ("train", "test")}
    for split, glyphs in few.items():
        few[split] = type(glyphs)(glyphs.images[:7], glyphs.labels[:7], glyphs.split)
    monkeypatch.setattr(digit_footage, "load_glyphs", lambda _, split: few[split])
    rows = table(write_footage(tmp_path, kind="bouncing", videos=20, frames=2))
    groups = {row["group"] for row in rows}
    members = [
        f"{group.split('-')[0]}-{glyph}" for group in groups for glyph in group.split("-")[1:]
    ]
    assert len(members) == len(set(members)) == 2 * 3 * 2  # 3 casts of 2 glyphs, 2 splits
    for row in rows:
        pair = row["group"].split("-")[1:]
        labels = sorted(few[row["split"]].labels[int(glyph)].item() for glyph in pair)
        assert row["digit"] == "+".join(map(str, labels))
        assert row["direction"] == ""


@pytest.mark.parametrize("kind", ["bouncing", "drifting"])
def test_seed_decides_every_byte(tmp_path: Path, kind: Kind) -> None:
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        write_footage(tmp_path / name, kind=kind, videos=4, frames=3, seed=seed)
    one, two, other = (
        [path.read_bytes() for path in sorted((tmp_path / name).rglob("*.*"))]
        for name in ("one", "two", "other")
    )
    assert one == two
    assert one != other


def test_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="is already there; expected a new or empty folder"):
        write_footage(tmp_path, videos=4)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_writing_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rate is 0"):
        write_footage(tmp_path / "new", videos=4, rate=0)
    assert not list(tmp_path.iterdir())


def test_bad_requests_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="4 videos with 0 of them for testing"):
        write_footage(tmp_path, videos=4, test_share=0)
    with pytest.raises(InputError, match="size is 33 pixels; expected an even number"):
        write_footage(tmp_path, videos=4, size=33)
    with pytest.raises(InputError, match="kind is 'flying'; expected one of"):
        write_footage(tmp_path, videos=4, kind="flying")  # type: ignore[arg-type]
