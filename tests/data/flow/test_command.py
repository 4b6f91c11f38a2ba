from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from selfvid.cli.commands import main
from selfvid.data.flow import command
from selfvid.data.flow.command import compute_flow
from selfvid.data.flow.folder import FlowFolder, FlowRow
from selfvid.data.flow.work import compute_guarded
from selfvid.data.indexing.command import index
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import open_video
from selfvid.data.video.encode import write_video
from selfvid.data.video.guard import Answer
from selfvid.errors import InputError
from selfvid.flow.estimate import DIS, Farneback
from selfvid.flow.quantise import quantise
from tests.data.flow.examples import ROW, flowing
from tests.data.footage import spoil
from tests.flow.textures import drifting


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four moving textures, the last but one spoilt after it was indexed."""
    folder = tmp_path_factory.mktemp("footage")
    for n in range(4):
        write_video(folder / f"take {n}.mp4", drifting(5 + n, x=n, y=1, height=32, width=48))
    manifest = folder / "footage.csv"
    index(folder, out=manifest, workers=1, near_duplicates=False, quiet=True)
    spoil(folder / "take 2.mp4")
    return manifest


def _in_process(
    function: str, calls: Sequence[dict[str, Any]], *, workers: int, timeout: float
) -> Generator[Answer]:
    """Answers as children give them, without the seconds that starting one takes."""
    assert function == command.COMPUTE
    assert workers >= 1
    assert timeout > 0
    for call, arguments in enumerate(calls):
        yield Answer(call, value=json.loads(json.dumps(compute_guarded(**_plain(arguments)))))


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(arguments)))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "guarded_calls", _in_process)


def _modified(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in folder.glob("*.mkv")}


def test_children_compute_flow_of_all_that_can_be_read(
    footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = compute_flow(footage, out=tmp_path / "flow", size=(32, 32), workers=2)
    printed = capsys.readouterr().out
    assert "4 videos, 22 fields (forward) at 32x32 by dis" in printed
    assert "with 2 processes" in printed
    assert "take 2.mp4: unreadable" in printed
    assert "computed   3 flow videos, 16 fields" in printed
    assert [row.status for row in flow.rows] == ["ok", "ok", "bad", "ok"]
    assert sorted(p.suffix for p in (tmp_path / "flow").iterdir()) == [".csv"] + [".mkv"] * 3
    whole = Manifest.read(footage)
    for row in whole.select([0, 1, 3]).rows:
        with open_video(whole.path_of(row), size=(32, 32)) as reader:
            frames = torch.from_numpy(reader.read(range(row.frames))).permute(0, 3, 1, 2)
        codes, _ = quantise(DIS()(frames), bound=2.0)
        stored = flow.read(row.video, range(row.frames - 1))
        assert stored.bound == 2
        assert (stored.codes == codes).all()


@pytest.mark.usefixtures("here")
def test_what_is_whole_is_kept_and_only_the_rest_computed(footage: Path, tmp_path: Path) -> None:
    flow = compute_flow(footage, out=tmp_path, size=32, quiet=True)
    before = _modified(tmp_path)
    gone, cut, left = (tmp_path / row.path for row in flow.rows if row.status == "ok")
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-10])
    again = compute_flow(footage, out=tmp_path, size=32, quiet=True)
    after = _modified(tmp_path)
    assert {name for name in before if before[name] != after[name]} == {gone.name, cut.name}
    assert left.name in after
    again.require(Manifest.read(footage).select([0, 1, 3]), size=(32, 32))
    assert replace(again.rows[0], bytes=0) == replace(flow.rows[0], bytes=0)


@pytest.mark.usefixtures("here")
def test_nothing_is_computed_where_all_is_there(
    footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = Manifest.read(footage).select([0, 1, 3])
    compute_flow(good, out=tmp_path, size=32, quiet=True)

    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(command, "guarded_calls", never)
    compute_flow(good, out=tmp_path, size=32, quiet=True)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 40}, "bound 2; expected dis .* at 40x40"),
        ({"bound": 5.0}, "bound 2; expected .* bound 5: another folder, or --fresh"),
        ({"estimator": "farneback"}, "by dis .*; expected farneback"),
        ({"estimator": DIS("fast")}, '"medium".*expected dis {"preset": "fast"}'),
    ],
)
def test_flow_of_other_settings_is_never_mixed_in(
    footage: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    good = Manifest.read(footage).select([0])
    compute_flow(good, out=tmp_path, size=32, quiet=True)
    before = _modified(tmp_path)
    with pytest.raises(InputError, match=message):
        compute_flow(good, out=tmp_path, **({"size": 32, "quiet": True} | change))
    assert _modified(tmp_path) == before
    fresh = compute_flow(good, out=tmp_path, fresh=True, **({"size": 32, "quiet": True} | change))
    assert len(fresh.rows) == 1
    assert _modified(tmp_path) != before


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("more", [{"direction": "backward"}, {"manifest": 1}])
def test_a_folder_has_one_setting_for_all_its_flow_videos(
    footage: Path, tmp_path: Path, more: dict[str, Any]
) -> None:
    whole = Manifest.read(footage)
    compute_flow(whole.select([0]), out=tmp_path, size=32, quiet=True)
    other = whole.select([more.pop("manifest", 0)])
    with pytest.raises(InputError, match=r"contains flow of .*take 0.mp4 by dis .* at 32x32"):
        compute_flow(other, out=tmp_path, size=40, quiet=True, **more)


@pytest.mark.usefixtures("here")
def test_the_other_direction_and_other_videos_join_the_folder(
    footage: Path, tmp_path: Path
) -> None:
    whole = Manifest.read(footage)
    compute_flow(whole.select([0]), out=tmp_path, quiet=True)
    compute_flow(whole.select([0, 1]), out=tmp_path, direction="both", quiet=True)
    flow = FlowFolder(tmp_path)
    assert [(Path(row.source).stem, row.direction) for row in flow.rows] == [
        ("take 0", "backward"),
        ("take 0", "forward"),
        ("take 1", "backward"),
        ("take 1", "forward"),
    ]
    assert flow.rows[0].size == (32, 48)
    ahead = flow.read(whole.rows[1].video, range(5)).pixels()[..., 8:-8, 8:-8]
    behind = flow.read(whole.rows[1].video, range(5), direction="backward").pixels()
    assert ahead.flatten(2).median(dim=2).values[:, 0].tolist() == pytest.approx([1] * 5, abs=0.2)
    inner = behind[..., 8:-8, 8:-8]
    assert inner.flatten(2).median(dim=2).values[:, 0].tolist() == pytest.approx([-1] * 5, abs=0.2)


def test_an_interruption_keeps_whole_flow_videos_and_no_drafts(
    footage: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(
        function: str, calls: Sequence[dict[str, Any]], *, workers: int, timeout: float
    ) -> Generator[Answer]:
        yield next(_in_process(function, calls[:1], workers=workers, timeout=timeout))
        (name,) = calls[1]["files"].values()
        Path(name).write_bytes(b"half a file")
        raise KeyboardInterrupt

    good = Manifest.read(footage).select([0, 1, 3])
    monkeypatch.setattr(command, "guarded_calls", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compute_flow(good, out=tmp_path, size=32, quiet=True)
    assert "1 flow videos are complete and kept; run the same command" in capsys.readouterr().err
    assert len(FlowFolder(tmp_path).rows) == 1
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".csv", ".mkv"]
    before = _modified(tmp_path)
    monkeypatch.setattr(command, "guarded_calls", _in_process)
    compute_flow(good, out=tmp_path, size=32, quiet=True).require(good)
    assert before.items() <= _modified(tmp_path).items()


@pytest.mark.usefixtures("here")
def test_segments_of_a_video_share_its_flow(footage: Path, tmp_path: Path) -> None:
    row = Manifest.read(footage).rows[0]
    segments = Manifest((replace(row, start=0.0, end=0.1), replace(row, start=0.1)), footage.parent)
    assert len(compute_flow(segments, out=tmp_path, size=32, quiet=True).rows) == 1


@pytest.mark.usefixtures("here")
def test_a_pretrained_autoencoder_stands_in_for_an_estimator(footage: Path, tmp_path: Path) -> None:
    flowing().save(tmp_path / "run" / "encoder")
    good = Manifest.read(footage).select([3])
    flow = compute_flow(
        good, out=tmp_path / "flow", estimator=str(tmp_path / "run"), size=32, quiet=True
    )
    (row,) = flow.rows
    assert row.estimator == "learnt"
    assert list(json.loads(row.settings)) == ["encoder"]
    assert flow.read(row.video, [0, 6]).pixels().abs().max() > 0


@pytest.mark.usefixtures("here")
def test_the_command_line_takes_names_and_classes(
    footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, name, settings in [
        (("farneback",), "farneback", Farneback().settings),
        (("selfvid.flow.estimate.DIS", "--estimator.preset", "fast"), "dis", {"preset": "fast"}),
    ]:
        out = tmp_path / name
        flags = ["--size", "32", "--quiet", "--estimator", *words]
        with pytest.raises(SystemExit) as ended:
            main(["flow", str(footage), "-o", str(out), *flags])
        assert ended.value.code == 0, capsys.readouterr().err
        row = FlowFolder(out).rows[0]
        assert (row.estimator, json.loads(row.settings)) == (name, settings)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": "diss"}, "estimator 'diss' is neither a name nor a folder; expected one"),
        ({"bound": -1.0}, "bound is -1.0 pixels"),
        ({"size": 0}, "size is 0; expected at least 1 pixel"),
        ({"workers": 0}, "workers is 0"),
        ({"direction": "up"}, "direction is 'up'"),
        ({"size": 8}, "no video that was tried gives flow: take .*: frames are 8x8"),
        ({"out": Path("/nowhere/flow")}, "folder '/nowhere/flow' cannot be made"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_done(
    footage: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    defaults: dict[str, Any] = {"out": tmp_path / "flow", "quiet": True}
    with pytest.raises(InputError, match=message):
        compute_flow(footage, **(defaults | options))
    assert not list(tmp_path.rglob("*.mkv"))


@pytest.mark.usefixtures("here")
def test_too_small_a_disk_is_noticed_beforehand(
    footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = 10

    monkeypatch.setattr("shutil.disk_usage", lambda _: Full)
    with pytest.raises(InputError, match=r"flow take about .* MB and .* has 0.0 MB free"):
        compute_flow(footage, out=tmp_path, size=32, quiet=True)


@pytest.mark.usefixtures("here")
def test_a_folder_without_any_flow_is_an_error(footage: Path, tmp_path: Path) -> None:
    whole = Manifest.read(footage)
    wrong = replace(whole.rows[0], frames=50)
    with pytest.raises(InputError, match=r"no video that was tried .* manifest says 50"):
        compute_flow(Manifest((wrong,), whole.root), out=tmp_path, quiet=True)


@pytest.mark.usefixtures("here")
def test_with_only_faults_left_the_command_ends_as_it_did(
    footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compute_flow(footage, out=tmp_path, size=32)
    first = capsys.readouterr().out
    again = compute_flow(footage, out=tmp_path, size=32)
    printed = capsys.readouterr().out
    assert "unknown: no video that was tried gives flow" in printed
    assert "computed   0 flow videos, 0 fields" in printed
    assert "3 were already there" in printed
    fault = next(line for line in first.splitlines() if line.startswith("bad"))
    assert fault in printed
    assert [row.status for row in again.rows] == ["ok", "ok", "bad", "ok"]


def test_that_children_die_for_every_video_is_an_error(
    footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(_: str, calls: Sequence[object], **__: object) -> Generator[Answer]:
        for call in range(len(calls)):
            yield Answer(call, failure="died", words="reader died (SIGSEGV)")

    monkeypatch.setattr(command, "guarded_calls", dying)
    with pytest.raises(
        InputError, match=r"none of 3 flow videos could be computed; .*reader died \(SIGSEGV\)"
    ):
        compute_flow(Manifest.read(footage).select([0, 1, 3]), out=tmp_path, quiet=True)


def test_the_summary_weighs_videos_by_the_size_of_their_flow(tmp_path: Path) -> None:
    def row(name: str, *, frames: int, clipped: float, size: int, bound: float) -> FlowRow:
        own: dict[str, Any] = {"path": name, "source": name, "frames": frames, "bound": bound}
        return replace(ROW, **own, clipped=clipped, bytes=size, height=10, width=10)

    rows = [
        row("a", frames=4, clipped=0.5, size=300, bound=1.27),
        row("b", frames=10, clipped=0.0, size=600, bound=12.7),
        replace(ROW, path="", source="c", status="bad", error="unreadable"),
    ]
    printed = command._summary(rows, [], 2, seconds=1.0, folder=tmp_path)
    assert "computed   0 flow videos, 0 fields in 1 s; 2 were already there" in printed
    # 3 and 9 fields of 2 x 10 x 10 bytes; a quarter of the values is clipped by a half.
    assert f"12 fields, {900 / (12 * 200):.0%} of their size without compression" in printed
    assert f"beyond it {0.5 * 3 / 12:.3%} of values, at most 50.00% (a)" in printed
    assert "bound      1.27 to 12.7 pixels, error within it at most 0.05;" in printed
    assert "bad        c: unreadable" in printed


def test_of_many_faults_only_the_first_are_listed(tmp_path: Path) -> None:
    bad = [replace(ROW, path="", source=f"{n}.mp4", status="bad", error="dead") for n in range(8)]
    printed = command._summary(bad, [], 0, seconds=1.0, folder=tmp_path)
    assert printed.count("dead") == 5
    assert "and 3 more, in the column error" in printed
