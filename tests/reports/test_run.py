from __future__ import annotations

from pathlib import Path

import pytest

from selfvid.errors import InputError
from selfvid.reports.page import read_page, report
from selfvid.reports.run import PNG_SIGNATURE, TRACES, RunReader
from tests.reports.example import write_run


def test_latest_preview_of_each_kind_is_shown(tmp_path: Path) -> None:
    page = read_page(write_run(tmp_path / "ut"))
    assert [image.caption for image in page.previews] == ["clips-00000400"]


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


@pytest.mark.parametrize("trace", TRACES)
def test_one_file_is_enough_to_be_a_run(trace: str, tmp_path: Path) -> None:
    path = tmp_path / trace
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    assert RunReader(tmp_path).notes == []


def test_a_missing_file_is_nothing_and_a_damaged_one_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_bytes(b"name: caf\xe9\n")
    reader = RunReader(tmp_path)
    assert reader.section("none.json", dict) is None
    assert (reader.history(), reader.pictures(), reader.text("none.txt")) == ([], [], "")
    assert reader.picture("none.png") is None
    assert reader.notes == []
    assert reader.text("recipe.yaml") == "name: caf�\n"
    (tmp_path / "some.json").write_text('{"a": [1, 2]}')
    assert reader.section("some.json", lambda plain: sum(plain["a"])) == 3
    assert reader.section("some.json", lambda plain: plain["b"]) is None
    assert reader.notes == ["some.json: not as selfvid writes it (KeyError: 'b'), so left out"]


def test_a_picture_that_is_too_large_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipe.yaml").write_text("")
    data = PNG_SIGNATURE + b"12"
    (tmp_path / "a.png").write_bytes(data)
    reader = RunReader(tmp_path)
    assert reader.picture("a.png") == data
    monkeypatch.setattr("selfvid.reports.run.LARGEST_PICTURE", len(data) - 1)
    assert reader.picture("a.png") is None
    assert reader.notes == ["a.png: no PNG, or too large to embed"]


def test_steps_without_a_number_of_their_own_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text('{"step": 1, "loss": 2}\n{"loss": 3}\n{"step": 2}\n')
    assert RunReader(tmp_path).history() == [{"step": 1.0, "loss": 2.0}, {"step": 2.0}]
