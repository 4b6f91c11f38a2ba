from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest

from selfvid.comparing.command import compare
from selfvid.comparing.fuse.command import fuse
from selfvid.reports.page import read_page, report
from tests.comparing.tables import sure, write_run
from tests.reports.shape import Shape, words_of

pytestmark = pytest.mark.slow

HOSTILE = "<script>alert('x')</script> $\\frac{$ {{ 7*7 }}"
CLASSES = ("hug", "kick", HOSTILE, "zap")
LABELS = [0, 1, 2] * 8
GOOD, POOR = [*LABELS[:-3], 0, 0, 0], [0, 0, 0] * 8


def write_both(folder: Path) -> dict[str, Path]:
    """A fusion and a comparison of two runs, one far better than the other."""
    runs = [
        write_run(folder / name, sure(guesses, LABELS, classes=CLASSES))
        for name, guesses in (("good", GOOD), ("poor", POOR))
    ]
    fuse(runs, out=folder / "fuse", weights=[2, 1], quiet=True)
    compare(*runs, out=folder / "compare", quiet=True)
    return {kind: folder / kind for kind in ("fuse", "compare")}


def test_a_fusion_has_its_page(tmp_path: Path) -> None:
    folder = write_both(tmp_path)["fuse"]
    page = read_page(folder)
    assert page.notes == ()
    own = page.evaluated
    assert own is not None
    assert own.title == "Fusion"
    assert own.tone == "open"  # it is no better than the best
    main, classes = (table for _, table in own.tables)
    assert main.rows[0][:2] == ("fusion", "91.7 %")
    assert [row[1] for row in classes.rows] == ["100.0 %", "87.5 %", "87.5 %", "–"]
    assert len(own.images) == 1
    words = words_of(report(folder, quiet=True).read_text())
    assert "Whether pretraining helped" not in words
    assert f"selfvid fuse {tmp_path / 'good'}" in words
    assert "selfvid pretrain" not in words


def test_a_leak_is_the_headline_whatever_the_figures_say(tmp_path: Path) -> None:
    folder = write_both(tmp_path)["compare"]
    path = folder / "result.json"
    plain = json.loads(path.read_text())
    plain["verdicts"].append("leak: the encoder was trained with the labels of 3 of 24 test videos")
    path.write_text(json.dumps(plain))
    own = read_page(folder).evaluated
    assert own is not None
    assert (own.headline[:5], own.tone) == ("Leak:", "bad")
    assert own.verdicts[0].startswith("better: ")


def test_a_comparison_has_its_page(tmp_path: Path) -> None:
    folder = write_both(tmp_path)["compare"]
    own = read_page(folder).evaluated
    assert own is not None
    assert (own.title, own.tone) == ("Comparison", "good")
    assert own.headline.startswith("Better: ")
    main, classes = (table for _, table in own.tables)
    assert [row[-1] for row in main.rows] == ["14", "0"]
    assert [row[0] for row in classes.rows] == ["kick", HOSTILE, "hug"]
    assert any("no test video of zap" in verdict for verdict in own.verdicts)
    assert len(own.images) == 1
    assert "Comparison: protocol" in words_of(report(folder, quiet=True).read_text())


@pytest.mark.parametrize("kind", ["fuse", "compare"])
def test_hostile_texts_are_only_text(kind: str, tmp_path: Path) -> None:
    page = report(write_both(tmp_path)[kind], quiet=True).read_text()
    tags = {tag for tag, _ in Shape(page).tags}
    assert "script" not in tags
    assert html.escape("<script>alert(") in page
    assert "{{ 7*7 }}" in words_of(page)


@pytest.mark.parametrize("kind", ["fuse", "compare"])
def test_every_field_may_be_missing_or_of_another_type(kind: str, tmp_path: Path) -> None:
    result = write_both(tmp_path)[kind] / "result.json"
    whole = json.loads(result.read_text())
    others: list[Any] = [None, 3, "words", [], {}, [None], [{"standing": []}]]
    for field in set(whole) - {"kind"}:
        for other in others:
            result.write_text(json.dumps(whole | {field: other}))
            page = read_page(result.parent)  # a section or a note, never a traceback
            assert (page.evaluated is None) == (len(page.notes) == 1)
    for text in ("", "[]", "null", "{", json.dumps({"kind": whole["kind"]})):
        result.write_text(text)
        (note,) = read_page(result.parent).notes
        assert note.startswith("result.json: not as selfvid writes it (")


def test_a_result_of_another_kind_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"kind": "selfvid something else"}')
    page = read_page(tmp_path)
    assert (page.evaluated, page.notes) == (None, ())
