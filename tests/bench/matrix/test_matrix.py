from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.manifest.splits import folds
from tests.bench.matrix.__main__ import main
from tests.bench.matrix.columns import COLUMNS, Place
from tests.bench.matrix.jobs import Job, Work
from tests.bench.matrix.rows import ROWS
from tests.bench.matrix.sets import QUICK, SETS, DataSet, Target, apart, sentence
from tests.bench.matrix.table import _compared_cell
from tests.bench.matrix.timing import WordTiming

pytestmark = pytest.mark.slow

QUICK_ROWS = ["--quick", "--workers", "0", "--rows", "coherence_of_frames"]


def test_a_row_is_made_once_and_its_figures_come_from_encoders_that_have_not_seen_the_fold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = ["--columns", "probe", "transductive", "lrcn"]
    words = [*QUICK_ROWS, *columns, "--work", str(tmp_path)]
    assert main(words) == 0
    said = capsys.readouterr().out
    row = next(line for line in said.splitlines() if line.startswith("| coherence of frames |"))
    assert "–" not in row
    assert (tmp_path / "table.md").read_text() in said
    top = tmp_path / "digits" / "coherence_of_frames"
    seen = {}
    for place in ("inductive", "transductive"):
        result = json.loads((top / f"probe_{place}" / "direction" / "result.json").read_text())
        seen[place] = (result["footage"]["seen"], result["footage"]["same_group"])
        assert f"{100 * result['rows'][0]['accuracy']['mean']:.1f} [" in said
    assert seen == {"inductive": (0, 0), "transductive": (32, 0)}
    head = json.loads((top / "lrcn" / "result.json").read_text())
    assert (head["footage"]["seen"], head["footage"]["known"]) == (0, True)

    before = (top / "lrcn" / "result.json").stat().st_mtime_ns
    assert main(words) == 0
    again = capsys.readouterr().out
    assert "selfvid pretrain" not in again
    assert row in again
    assert (top / "lrcn" / "result.json").stat().st_mtime_ns == before


def a_manifest(*rows: Row) -> Manifest:
    return Manifest(rows, Path("/footage"))


def test_footage_apart_shares_no_video_no_group_and_no_picture_with_what_is_tested() -> None:
    held = a_manifest(Row(path="test.avi", video="v1", group="g1"))
    footage = a_manifest(
        Row(path="other.avi", video="v2", group="g2"),
        Row(path="same_group.avi", video="v3", group="g1"),
        Row(path="copy.avi", video="v1"),
        Row(path="alike.avi", video="v4", near_duplicate_of="same_group.avi"),
        Row(path="alone.avi", video="v5"),
    )
    assert apart(footage, held).tolist() == [True, False, False, False, True]


def test_the_folds_are_those_that_a_probe_would_make(tmp_path: Path) -> None:
    rows = tuple(
        Row(
            path=f"{n}.avi", video=f"v{n}", label="ab"[n % 2], group=f"g{n // 4}",
            status="ok", frames=9, rate=25.0, decoder="pyav",
        )
        for n in range(32)
    )  # fmt: skip
    whole = a_manifest(*rows).moved(tmp_path)
    whole.write(tmp_path / "videos.csv")
    whole.write(tmp_path / "footage.csv")
    dataclasses.replace(QUICK, folds=4).divide(tmp_path)
    own = folds(Manifest.read(tmp_path / "videos_folds.csv"))
    expected = folds(whole, folds=4)
    for number, (one, other) in enumerate(zip(own, expected, strict=True), start=1):
        assert one.test.tolist() == other.test.tolist()
        footage = Manifest.read(tmp_path / "folds" / f"{number}.csv")
        assert {row.video for row in footage.rows} == {rows[at].video for at in other.train}


def test_every_command_of_the_matrix_is_named_once() -> None:
    for data in (*SETS.values(), QUICK):
        names = [job.name for row in ROWS for job in Place(row, data).jobs(COLUMNS)]
        lines = {job.name: job.line for row in ROWS for job in Place(row, data).jobs(COLUMNS)}
        shared = {name for name in names if name.startswith(f"{data.name}/random/")}
        assert len(set(names) - shared) == len([name for name in names if name not in shared])
        assert all("None" not in line for line in lines.values())


def test_what_was_made_by_another_command_is_not_taken(tmp_path: Path) -> None:
    work = Work(tmp_path)
    job = Job("ut/row/probe", ("probe", "a", "b.csv"))
    path = work.record(job)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"command": job.line, "kind": job.kind, "seconds": 7.0}))
    assert work.is_done(job)
    with pytest.raises(SystemExit, match=r"was made by\s+selfvid probe a b\.csv\s+and is now"):
        work.is_done(dataclasses.replace(job, words=("probe", "a", "c.csv")))
    later = Work(tmp_path)
    assert later.guess([job, Job("ut/row/other", ("probe", "a"))]) == 7.0


def test_word_times_are_read_of_sentences_and_of_segments(tmp_path: Path) -> None:
    (tmp_path / "a.align").write_text(
        "0 23750 sil\n23750 29500 bin\n29500 34000 blue\n34000 35500 at\n35500 41000 f\n"
        "41000 47250 two\n47250 53000 now\n53000 74500 sil\n"
    )
    spoken = list(sentence(tmp_path / "a.align"))
    assert spoken[1] == ("colour", 1.18, 1.36, "blue")
    assert [word for *_, word in spoken] == ["bin", "blue", "at", "f", "two", "now"]
    whole = Row(path="a.mp4", video="v", columns={"colour_start": "1.18", "colour_end": "1.36"})
    part = Row(path="a.mp4", video="v", start=1.18, end=1.36)
    for row in (whole, part):
        found = WordTiming("colour").features(a_manifest(row))
        np.testing.assert_allclose(found, [[1.18, 0.18]])


def test_a_set_of_many_targets_has_probes_only() -> None:
    many = DataSet("many", QUICK.tables, {}, (Target("a", "x"), Target("b", "x")), heads=False)
    jobs = Place(ROWS[0], many).jobs(COLUMNS)
    assert {job.words[0] for job in jobs} == {"pretrain", "probe"}
    assert len([job for job in jobs if job.words[0] == "probe"]) == 4


def test_a_difference_of_heads_is_bold_only_if_interval_and_test_agree() -> None:
    def compared(low: float, p: float) -> str:
        accuracy = {"low": 0.5, "mean": 0.6, "high": 0.7}
        gap = {"low": low, "mean": 0.1, "high": 0.2}
        return _compared_cell(
            {"runs": [{"accuracy": accuracy}], "standing": {"p": p, "difference": gap}}
        )

    assert compared(0.02, 0.01) == "60.0 [50.0, 70.0] (**+10.0 [2.0, 20.0]**)"
    assert compared(0.02, 0.2) == "60.0 [50.0, 70.0] (+10.0 [2.0, 20.0])"
    assert compared(-0.02, 0.01) == "60.0 [50.0, 70.0] (+10.0 [-2.0, 20.0])"
