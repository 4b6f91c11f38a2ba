from __future__ import annotations

from pathlib import Path

import pytest

from selfvid.errors import InputError
from selfvid.reports.page import read_page, report
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
