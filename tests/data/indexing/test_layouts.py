from __future__ import annotations

from pathlib import Path

import pytest

from selfvid.data.indexing.layouts import Entry, parent_label, read_tree
from selfvid.errors import InputError
from tests.data.indexing.trees import names, tree


def test_a_tree_gives_videos_and_sound_in_natural_order_and_counts_the_rest(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "v10.mp4",
        "v9.AVI",
        "deep/er/x.mkv",
        "s.mp3",
        "LICENSE",
        ".hidden.mp4",
        ".x/y.mp4",
    )
    found = read_tree(tmp_path)
    assert names(found.entries) == ["deep/er/x.mkv", "s.mp3", "v9.AVI", "v10.mp4"]
    assert found.ignored == 1


def test_a_folder_of_frames_is_one_video_unless_it_contains_videos_too(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "run/one/f1.png",
        "run/one/f2.png",
        "two/1.jpg",
        "two/2.jpg",
        "two/v.mp4",
        "p/1.png",
    )
    found = read_tree(tmp_path)
    assert names(found.entries) == ["run/one", "two/v.mp4"]
    assert found.ignored == 3
    assert names(read_tree(tmp_path / "run" / "one").entries) == ["one"]


def test_links_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    tree(tmp_path, "real/v.mp4", "other/w.mp4")
    (tmp_path / "real" / "linked").symlink_to(tmp_path / "other")
    (tmp_path / "real" / "circle").symlink_to(tmp_path / "real")
    assert names(read_tree(tmp_path / "real").entries) == ["linked/w.mp4", "v.mp4"]


def test_entries_have_absolute_paths_and_names_relative_to_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, "videos/hug/a.mp4")
    monkeypatch.chdir(tmp_path)
    (entry,) = read_tree(Path("videos")).entries
    assert (entry.path, entry.name) == (tmp_path / "videos/hug/a.mp4", "hug/a.mp4")
    assert parent_label(entry) == "hug"
    assert parent_label(Entry(path=entry.path, name="a.mp4")) == ""


def test_a_folder_without_videos_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    tree(tmp_path, "texts/a.txt")
    for message, folder in [
        (r"empty' contains no video \(0 other files\)", "empty"),
        (r"texts' contains no video \(1 other files\)", "texts"),
        (r"none' does not exist; expected a folder", "none"),
        (r"a.txt' does not exist; expected a folder", "texts/a.txt"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            read_tree(tmp_path / folder)
        assert len(str(caught.value).splitlines()) == 1
