from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfvid.data.indexing.layouts import Entry
from selfvid.data.indexing.survey import EarlierManifest, Findings, Survey, survey
from selfvid.data.manifest.manifest import Manifest, Row, Status
from selfvid.data.manifest.rows import Finding
from selfvid.data.video.guard import Answer
from selfvid.errors import InputError

NOW = Finding(bytes=100, modified=5.0)
ROW = Row(
    path="v.mp4", video="id", frames=8, decoder="decord", bytes=100, modified=5.0, verified=True
)
SETTINGS = Survey(quiet=True)


def earlier(folder: Path, *rows: Row) -> EarlierManifest:
    Manifest(rows, folder).write(folder / "m.csv")
    return EarlierManifest(folder / "m.csv", folder / "m.partial.csv")


def children(monkeypatch: pytest.MonkeyPatch, answer: Callable[..., Answer]) -> list[str]:
    """Let `answer` take the place of the children; return a list of the calls, which grows."""
    calls_made = []

    def guarded_calls(_: str, calls: Sequence[dict[str, Any]], **__: Any) -> Generator[Answer]:
        for place, call in enumerate(calls):
            calls_made.append(f"{Path(call['path']).name} {call['decoder']}")
            yield replace(answer(**call), call=place)

    monkeypatch.setattr("selfvid.data.indexing.survey.guarded_calls", guarded_calls)
    return calls_made


def nowhere(_: Findings) -> None:
    """Save nothing."""


def answered(path: str, decoder: str) -> Answer:
    return Answer(0, value={"video": Path(path).name, "decoder": decoder, "frames": 3})


def test_the_finding_of_an_unchanged_file_is_reused(tmp_path: Path) -> None:
    found = earlier(tmp_path, ROW).finding(tmp_path / "v.mp4", NOW, decoder="auto")
    assert found == Finding(
        video="id", frames=8, decoder="decord", bytes=100, modified=5.0, verified=True
    )


@pytest.mark.parametrize(
    ("row", "now", "decoder"),
    [
        (ROW, replace(NOW, bytes=101), "auto"),
        (ROW, replace(NOW, modified=6.0), "auto"),
        (ROW, NOW, "pyav"),
        (replace(ROW, video=""), NOW, "auto"),
        (replace(ROW, verified=False), NOW, "auto"),  # an earlier version compared nothing
        (replace(ROW, status="bad", error="timed out after 9 s"), NOW, "auto"),
        (replace(ROW, path="another.mp4"), NOW, "auto"),
    ],
)
def test_a_file_is_read_again_if_anything_may_have_changed(
    tmp_path: Path, row: Row, now: Finding, decoder: str
) -> None:
    assert earlier(tmp_path, row).finding(tmp_path / "v.mp4", now, decoder=decoder) is None


def test_images_need_no_decoder_and_duplicates_are_found_anew(tmp_path: Path) -> None:
    images = replace(ROW, decoder="images")
    assert earlier(tmp_path, images).finding(tmp_path / "v.mp4", NOW, decoder="pyav") is not None
    cases: list[tuple[Status, str]] = [("duplicate", ""), ("bad", "another reason")]
    for status, kept in cases:
        row = replace(ROW, status=status, error="another reason")
        found = earlier(tmp_path, row).finding(tmp_path / "v.mp4", NOW, decoder="auto")
        assert found is not None
        assert found.error == kept


def test_a_draft_has_later_findings_than_the_manifest(tmp_path: Path) -> None:
    Manifest((replace(ROW, frames=9),), tmp_path).write(tmp_path / "m.partial.csv")
    found = earlier(tmp_path, ROW).finding(tmp_path / "v.mp4", NOW, decoder="auto")
    assert found is not None
    assert found.frames == 9


def test_an_entry_is_completed_by_the_earlier_rows_and_wins_against_them(tmp_path: Path) -> None:
    rows = [
        replace(ROW, label="sit", group="g", start=0.0, end=1.0, columns={"note": "x", "n": "1"}),
        replace(ROW, label="walk", group="g", start=1.0, end=2.0),
        replace(ROW, path="gone.mp4"),
    ]
    before = earlier(tmp_path, *rows)
    entry = Entry(path=tmp_path / "v.mp4", name="v.mp4", group="new", columns={"n": "2"})
    whole, gone = before.keep_edits([entry])
    assert gone == 1
    assert [(e.label, e.group, e.start) for e in whole] == [("sit", "new", 0.0), ("walk", "new", 1)]
    assert whole[0].columns == {"note": "x", "n": "2"}
    segment = replace(entry, start=1.0, end=2.0)
    other = replace(entry, start=1.0, end=3.0)
    assert before.keep_edits([segment, other])[0] == (
        replace(segment, label="walk", columns={"note": "", "n": "2"}),
        other,
    )


def test_rows_of_other_footage_are_not_lost(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").touch()
    with pytest.raises(InputError, match="also contains 1 videos that are not in this footage"):
        earlier(tmp_path, ROW).keep_edits([Entry(path=tmp_path / "w.mp4", name="w.mp4")])


def test_files_without_content_are_not_given_to_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = children(monkeypatch, answered)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "good.mp4").write_bytes(b"12345")
    paths = [tmp_path / name for name in ("empty.mp4", "good.mp4", "none.mp4")]
    findings, reused = survey(paths, SETTINGS, earlier=None, save=nowhere)
    assert [findings[path].error for path in paths] == ["unreadable (empty file)", "", "not found"]
    assert (findings[paths[1]].bytes, findings[paths[1]].frames, reused) == (5, 3, 0)
    assert calls == ["good.mp4 auto"]


def test_only_a_child_that_died_or_hung_is_followed_by_pyav(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(path: str, decoder: str) -> Answer:
        if decoder == "pyav" or "good" in path:
            return answered(path, decoder)
        failure = "raised" if "raise" in path else "died"
        return Answer(0, failure=failure, words=f"it {failure}")  # type: ignore[arg-type]

    calls = children(monkeypatch, answer)
    paths = [tmp_path / name for name in ("died.mp4", "good.mp4", "raise.mp4")]
    for path in paths:
        path.write_bytes(b"12345")
    findings, _ = survey(paths, SETTINGS, earlier=None, save=nowhere)
    assert calls == ["died.mp4 auto", "good.mp4 auto", "raise.mp4 auto", "died.mp4 pyav"]
    assert [findings[path].decoder for path in paths] == ["pyav", "auto", ""]
    assert findings[paths[2]].error == "unreadable (it raised)"


def test_what_was_found_before_an_interruption_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(path: str, decoder: str) -> Answer:
        if "2" in path[-5:]:
            raise KeyboardInterrupt
        return answered(path, decoder)

    children(monkeypatch, answer)
    paths = [tmp_path / f"{number}.mp4" for number in range(4)]
    for path in paths:
        path.write_bytes(b"12345")
    saved: list[Findings] = []
    with pytest.raises(KeyboardInterrupt):
        survey(paths, SETTINGS, earlier=None, save=saved.append)
    assert [list(findings) for findings in saved] == [paths[:2]]
