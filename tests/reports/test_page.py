"""The page: what it says, what it leaves out, and what it does with damaged and hostile files."""

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from selfvid.errors import InputError
from selfvid.reports.page import read_page, report
from selfvid.results.leaks import Footage
from tests.reports.example import CHANCE, CLASSES, a_row, around, summary, write_run


class Shape(HTMLParser):
    """Collects tags with their attributes, and fails on tags that do not nest."""

    EMPTY = ("meta", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(run: Path) -> str:
    return report(run, quiet=True).read_text()


def words_of(page: str) -> str:
    return " ".join(
        html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S)).split()
    )


def test_whole_run_is_told_on_one_page(tmp_path: Path) -> None:
    run = write_run(tmp_path / "ut")
    words = words_of(page_of(run))
    for told in (
        "Pretraining helped: +27.0 points",
        "71.0 % [66.0, 76.0]",
        "naming the largest class every time",
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
        assert told in words
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


def test_latest_preview_of_each_kind_is_shown(tmp_path: Path) -> None:
    page = read_page(write_run(tmp_path / "ut"))
    assert [image.caption for image in page.previews] == ["clips-00000400"]


def test_run_that_was_not_probed_says_which_command_is_next(tmp_path: Path) -> None:
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


HELPED = "pretraining helped: +9.0 points [+5.0, +13.0] over random weights"
UNRESOLVED = "unresolved at this size: +1.0 points [-3.0, +5.0] over the encoder at start"
HURT = "pretraining hurt: -9.0 points [-13.0, -5.0] against the encoder at start"


@pytest.mark.parametrize(
    ("verdicts", "tone", "headline"),
    [
        ([HELPED], "good", "Pretraining helped: +9"),
        ([HELPED, UNRESOLVED], "open", "Unresolved at this size: +1"),
        ([HELPED, UNRESOLVED, HURT], "bad", "Pretraining hurt: -9"),
        ([], "open", "The probe does not say"),
    ],
)
def test_headline_is_the_least_favourable_verdict(
    verdicts: list[str], tone: str, headline: str, tmp_path: Path
) -> None:
    probed = read_page(write_run(tmp_path / "ut", verdicts=tuple(verdicts))).probed
    assert probed is not None
    assert probed.tone == tone
    assert probed.headline.startswith(headline)


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"footage": Footage(90, 30, 0, True)}, "30 of 90 test videos were among the unlabelled"),
        (
            {"footage": Footage(90, 30, 0, True, 7)},
            "trained with the labels of 7 of 90 test videos",
        ),
        ({"footage": Footage(90, 0, 12, True)}, "12 test videos share a group with footage"),
        ({"footage": Footage(90, 0, 0, False)}, "does not say which footage"),
        ({"differences": {"metadata": around(0.02)}}, "Metadata leak: .* +2.0 [-3.0, 7.0] points"),
        ({"differences": {"metadata": around(-0.2)}}, "Metadata leak"),
        (
            {"rows": (a_row("encoder", 0.2), a_row(CHANCE, 1 / 6))},
            "not above chance: 20.0 % [15.0, 25.0] against 16.7 %",
        ),
    ],
)
def test_what_spoils_a_number_stands_beside_it(
    changes: dict[str, Any], warning: str, tmp_path: Path
) -> None:
    probed = read_page(write_run(tmp_path / "ut", **changes)).probed
    assert probed is not None
    (found,) = probed.warnings
    assert re.search(re.escape(warning).replace(r"\.\*", ".*"), found)


def test_clean_result_carries_no_warning(tmp_path: Path) -> None:
    probed = read_page(write_run(tmp_path / "ut")).probed
    assert probed is not None
    assert probed.warnings == ()


def test_collapse_is_shown_as_a_warning(tmp_path: Path) -> None:
    run = write_run(tmp_path / "ut")
    said = summary(words=["The encoder collapsed: vectors vary along one line."])
    (run / "summary.json").write_text(json.dumps(said))
    assert '<p class="warn">The encoder collapsed' in page_of(run)


HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)> $\\frac{$ {{ 7*7 }}"


def test_texts_of_strangers_are_only_text(tmp_path: Path) -> None:
    run = write_run(tmp_path / "<b>run", classes=(HOSTILE, *CLASSES[1:]), verdicts=(HOSTILE,))
    said = summary(faults=[HOSTILE], words=[HOSTILE], device=HOSTILE, losses={HOSTILE: 1.0})
    (run / "summary.json").write_text(json.dumps(said))
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


def test_every_field_of_a_result_may_be_missing_or_of_another_type(tmp_path: Path) -> None:
    result = write_run(tmp_path / "ut") / "probe/result.json"
    whole = json.loads(result.read_text())
    bare = tmp_path / "bare"
    (bare / "probe").mkdir(parents=True)
    for field in whole:
        for value in (None, "x", [1]):
            (bare / "probe/result.json").write_text(json.dumps(whole | {field: value}))
            page = read_page(bare)  # a section or a note, never a traceback
            assert (page.probed is None) == (len(page.notes) == 1)


def test_damaged_lines_and_pictures_are_left_out_and_noted(tmp_path: Path) -> None:
    run = write_run(tmp_path / "ut")
    with (run / "history.jsonl").open("ab") as history:
        history.write(b'{"step": 999, "lo\n[1]\n\xff\n{"step": "x"}\n')
    (run / "pictures/broken-00000001.png").write_bytes(b"GIF89a")
    (run / "recipe.yaml").write_text("data: [unclosed")
    page = read_page(run)
    assert page.notes == (
        "history.jsonl: 4 damaged lines were left out",
        "pictures/broken-00000001.png: no PNG, or too large to embed",
    )
    assert page.trained is not None
    assert len(page.trained.images) == 4
    assert len(page.previews) == 1


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_folder_that_is_no_run_is_refused_in_one_line(place: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"is no run; expected a folder with one of recipe.yaml"):
        report(tmp_path / place)
    assert list((tmp_path / "empty").iterdir()) == []


def test_page_goes_where_it_is_asked_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "ut")
    made = report(run, out=tmp_path / "pages/ut.html")
    assert made == tmp_path / "pages/ut.html"
    assert capsys.readouterr().out == f"report: {made}\n"
    assert not (run / "report.html").exists()
    assert [path.name for path in made.parent.iterdir()] == ["ut.html"]
    with pytest.raises(InputError, match="is a folder; expected the name of an HTML file"):
        report(run, out=tmp_path / "pages")
