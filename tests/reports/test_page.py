from __future__ import annotations

import html
import json
from pathlib import Path

import pytest

from selfvid.errors import InputError
from selfvid.reports.page import read_page, report
from tests.reports.example import CLASSES, summary, write_run
from tests.reports.shape import Shape, page_of, words_of

pytestmark = pytest.mark.slow


def test_the_whole_run_is_on_one_page(tmp_path: Path) -> None:
    run = write_run(tmp_path / "ut")
    words = words_of(page_of(run))
    for text in (
        "Pretraining helped: +27.0 points",
        "71.0 % [66.0, 76.0]",
        "always predicting the largest class",
        "+52.0 [47.0, 57.0]",
        "10 per class left out",
        "Order matters.",
        "shake hands 72.2 % 18",
        "No collapse: spread 0.97",
        "12 min 34 s",
        "1 h 15 min",
        "clip of broken.avi: truncated",
        "onnx B × T × 3 × 64 × 64 3e-07 2 × 8, 3 × 11",
        "commit: 0123abc",
        f"selfvid probe {run} footage/ut.csv",
    ):
        assert text in words
    assert read_page(run).notes == ()


def test_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path / "ut"))
    tags = Shape(page).tags
    images = [attributes["src"] for tag, attributes in tags if tag == "img"]
    # bars, label curve, confusion, loss, three collapse measures, one preview
    assert len(images) == 8
    assert all(str(source).startswith("data:image/png;base64,") for source in images)
    assert not {"script", "link", "iframe", "a"} & {tag for tag, _ in tags}
    assert "http:" not in page
    assert "https:" not in page
    assert "url(" not in page


def test_a_run_without_a_probe_names_the_next_command(tmp_path: Path) -> None:
    run = write_run(tmp_path / "my runs")
    (run / "probe/result.json").unlink()
    words = words_of(page_of(run))
    assert "Whether pretraining helped is not known yet" in words
    assert f"selfvid probe '{run}' footage/ut.csv" in words
    assert "Linear probe" not in words
    assert "No collapse" in words


def test_probe_alone_makes_a_page(tmp_path: Path) -> None:
    whole = write_run(tmp_path / "whole")
    (tmp_path / "bare/probe").mkdir(parents=True)
    (whole / "probe/result.json").rename(tmp_path / "bare/probe/result.json")
    page = read_page(tmp_path / "bare")
    assert page.probed is not None
    assert (page.trained, page.footage, page.previews, page.exports) == (None, (), (), None)
    assert "MANIFEST" in words_of(page_of(tmp_path / "bare"))


HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)> $\\frac{$ {{ 7*7 }}"


def test_hostile_texts_are_only_text(tmp_path: Path) -> None:
    run = write_run(tmp_path / "<b>run", classes=(HOSTILE, *CLASSES[1:]), verdicts=(HOSTILE,))
    changed = summary(faults=[HOSTILE], words=[HOSTILE], device=HOSTILE, losses={HOSTILE: 1.0})
    (run / "summary.json").write_text(json.dumps(changed))
    (run / "recipe.yaml").write_text(f"data: |-\n  {HOSTILE}\n")
    plain, hostile = page_of(write_run(tmp_path / "plain")), page_of(run)
    tags = [tag for tag, _ in Shape(hostile).tags]
    assert {*tags} == {tag for tag, _ in Shape(plain).tags}
    assert tags.count("img") == 8
    assert "{{ 7*7 }}" in words_of(hostile)


DAMAGE = ["", "{", "[]", "null", '{"rows": []}', '{"rows": 3, "verdicts": null}', "\x00\xff"]


@pytest.mark.parametrize("text", DAMAGE)
@pytest.mark.parametrize("file", ["probe/result.json", "summary.json", "export/onnx/encoder.json"])
def test_damaged_file_is_a_note_on_the_page(file: str, text: str, tmp_path: Path) -> None:
    run = write_run(tmp_path / "ut")
    (run / file).write_bytes(text.encode("latin-1"))
    page = read_page(run)
    (note,) = page.notes
    assert note.startswith(f"{file}: not as selfvid writes it (")
    assert "\n" not in note
    assert html.escape(file) in page_of(run)


def test_the_page_is_written_to_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "ut")
    made = report(run, out=tmp_path / "pages/ut.html")
    assert made == tmp_path / "pages/ut.html"
    assert capsys.readouterr().out == f"report: {made}\n"
    assert not (run / "report.html").exists()
    assert [path.name for path in made.parent.iterdir()] == ["ut.html"]
    with pytest.raises(InputError, match="is a folder; expected the name of an HTML file"):
        report(run, out=tmp_path / "pages")
