from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from selfvid.data.flow.command import compute_flow
from selfvid.data.flow.origin import FlowOrigin
from selfvid.data.manifest.manifest import Manifest
from selfvid.errors import InputError
from selfvid.probing.baselines.flow_histograms import FlowHistograms
from selfvid.probing.command import probe
from selfvid.probing.result import ProbeResult
from selfvid.results.leaks import relate_footage
from tests.probing.footage import FAST, an_encoder, an_encoder_of_flow

pytestmark = pytest.mark.slow


def test_the_table_has_the_encoder_and_every_baseline(result: ProbeResult) -> None:
    assert [row.name for row in result.rows] == [
        "encoder",
        "encoder at start",
        "random weights",
        "metadata",
        "chance (largest class)",
        "encoder, frozen frames",
        "encoder, shuffled frames",
    ]
    assert result.row("chance (largest class)").accuracy.mean == pytest.approx(0.5)
    assert len(result.row("random weights").repeat_accuracies) == 2
    assert all(len(row.fold_accuracies) == 3 for row in result.rows)


def test_flow_of_the_videos_is_one_more_baseline(run: Path, bars: Path, tmp_path: Path) -> None:
    compute_flow(bars, out=tmp_path / "flow", workers=1, quiet=True)
    found = probe(run, bars, flow=tmp_path / "flow", out=tmp_path, **(FAST | {"label_curve": ()}))
    assert [row.name for row in found.rows][3:6] == [
        "metadata",
        "optical flow",
        "chance (largest class)",
    ]
    row = found.row("optical flow")
    assert row.features == 3 * 4 * 4 * 8
    assert row.accuracy.mean > 0.9
    assert any("the optical flow baseline" in verdict for verdict in found.verdicts)


def test_vectors_with_the_mirror_image_do_not_tell_left_from_right(
    run: Path, bars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bool] = []

    class Noted(FlowHistograms):
        def __init__(self, flow: FlowOrigin, *, mirror: bool, **more: Any) -> None:
            made.append(mirror)
            super().__init__(flow, mirror=mirror, **more)

    monkeypatch.setattr("selfvid.probing.command.FlowHistograms", Noted)
    compute_flow(bars, out=tmp_path / "flow", workers=1, quiet=True)
    options = FAST | {"label_curve": (), "pool": "segments", "motion": False}
    found = probe(run, bars, mirror=True, flow=tmp_path / "flow", out=tmp_path, **options)
    assert found.row("encoder").accuracy.mean < 0.7
    assert made == [True]  # the histograms of flow are mirrored too
    assert found.protocol["method"]["pool"] == "3 segments, mean with the mirror image"


def test_missing_flow_is_an_error_before_anything_is_decoded(
    run: Path, bars: Path, tmp_path: Path
) -> None:
    some = Manifest.read(bars).select(range(3))
    compute_flow(some, out=tmp_path / "flow", workers=1, quiet=True)
    with pytest.raises(InputError, match="has no forward flow of video"):
        probe(run, bars, flow=tmp_path / "flow", out=tmp_path, **FAST)
    assert not (tmp_path / "features").exists()


def test_direction_is_recognised_by_the_order_of_frames_only(result: ProbeResult) -> None:
    assert result.row("encoder").accuracy.mean > 0.9
    assert result.row("encoder, frozen frames").accuracy.mean < 0.8
    verdicts = "\n".join(result.verdicts)
    assert "labels cannot be read from one frame" in verdicts
    assert "order matters: +" in verdicts


def test_features_of_mean_pooling_do_not_depend_on_order(
    run: Path, bars: Path, tmp_path: Path
) -> None:
    found = probe(run, bars, pool="mean", out=tmp_path, **(FAST | {"label_curve": ()}))
    assert found.motion is not None
    assert found.motion.order_seen < 1e-4
    assert found.curve is None


def test_the_json_contains_the_whole_protocol(result: ProbeResult) -> None:
    found = json.loads((result.path / "result.json").read_text())
    assert found["kind"] == "selfvid probe"
    protocol = found["protocol"]
    data, method = protocol["data"], protocol["method"]
    assert data["classes"] == {"left": 12, "right": 12}
    assert data["groups"] == 12
    assert [fold["train"] + fold["test"] for fold in data["folds"]] == [24] * 3
    tested = [group for fold in data["folds"] for group in fold["test_groups"]]
    assert len(tested) == len(set(tested)) == 12
    assert "WholeVideo(frames=9)" in method["sampling"]
    assert method["pool"] == "2 segments"
    assert "--pool segments" in protocol["command"]
    assert len(found["rows"][0]["chosen"][0]) == 3
    assert found["rows"][4]["accuracy"]["low"] is None
    assert protocol["versions"]["torch"] == torch.__version__
    assert protocol["encoder"]["start"] == "random weights"
    assert found["confusion"] == result.confusion.tolist()


def test_test_videos_among_the_footage_are_flagged(result: ProbeResult) -> None:
    assert result.footage.seen == 4
    assert result.footage.same_group == 4
    assert result.verdicts[0].startswith("transductive: 4 of 24 test videos")


def test_near_duplicates_of_the_footage_count_as_seen(bars: Path) -> None:
    manifest = Manifest.read(bars)
    rows = list(manifest.rows)
    rows[7] = replace(rows[7], near_duplicate_of=rows[0].path)
    both = relate_footage(Manifest(tuple(rows), manifest.root), rows, [rows[0].video])
    assert both.seen == 2
    assert both.labels_seen == 0
    alone = relate_footage(manifest, rows[1:], [rows[0].video])
    assert (alone.tested, alone.seen, alone.same_group) == (23, 0, 1)
    with_labels = relate_footage(
        Manifest(tuple(rows), manifest.root), rows, [rows[0].video], labelled=[rows[7].video]
    )
    assert with_labels.labels_seen == 2


def test_a_count_of_labels_that_is_too_large_is_skipped_in_words(result: ProbeResult) -> None:
    assert result.curve is not None
    assert result.curve.counts == (1, None)
    assert result.curve.variants == ("encoder", "encoder at start", "random weights", "metadata")
    assert [each.variant for each in result.curve.differences[:3]] == [*result.curve.variants[1:]]
    assert result.curve.skipped[0].startswith("50 per class left out")


def test_a_repeated_probe_decodes_nothing_and_has_the_same_result(
    run: Path, bars: Path, result: ProbeResult
) -> None:
    again = probe(run, bars, pool="segments", segments=2, **FAST)
    assert again.protocol["features_reused"] == 6
    assert again.rows == result.rows
    assert again.verdicts == result.verdicts


def test_a_file_of_the_users_is_never_replaced(run: Path, bars: Path, tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text("mine")
    with pytest.raises(InputError, match=r"holds a scores\.csv that no probe left"):
        probe(run, bars, out=tmp_path, **FAST)
    assert (tmp_path / "scores.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label": "colour"}, "'colour' is not in the manifest; expected one of label"),
        ({"folds": 40}, "folds is 40 and the footage has 12 groups"),
        ({"seeds": 0}, "seeds is 0"),
        ({"label_curve": (0,)}, r"label_curve is \[0\]"),
        ({"size": 0}, "size is 0"),
        ({"frames": 0}, "frames of WholeVideo is 0"),
        ({"short": "skip"}, "has no meaning with clips whole"),
        ({"clips": 1, "short": "skip", "frames": 99}, "the longest has 9 frames"),
        ({"pool": "segments", "segments": 10}, "expected at most 9"),
        ({"device": "nonsense"}, "device is 'nonsense'; expected auto, cuda"),
    ],
)
def test_invalid_options_give_an_error_of_one_line(
    run: Path, bars: Path, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        probe(run, bars, **({"out": tmp_path / "new"} | FAST | options))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_missing_encoder_and_manifest_are_named(run: Path, bars: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no encoder"):
        probe(tmp_path / "none", bars, **FAST)
    with pytest.raises(InputError, match="does not exist"):
        probe(run, tmp_path / "none.csv", **FAST)


def test_labels_that_cannot_be_learned_are_refused(run: Path, bars: Path) -> None:
    manifest = Manifest.read(bars)
    lonely = [replace(manifest.rows[0], label="lonely"), *manifest.rows[1:]]
    own = [replace(row, label=row.video) for row in manifest.rows]
    for rows, words in ((lonely, "'lonely' has 1 row"), (own, "24 classes for 24 rows")):
        with pytest.raises(InputError, match=words):
            probe(run, Manifest(tuple(rows), manifest.root), **FAST)


def test_videos_that_are_left_out_have_a_verdict(run: Path, bars: Path, tmp_path: Path) -> None:
    manifest = Manifest.read(bars)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    rows = list(manifest.rows)
    rows[0] = replace(rows[0], status="bad")
    rows[1] = replace(rows[1], label="")
    rows[2] = replace(rows[2], path=str(broken))
    found = probe(
        run,
        Manifest(tuple(rows), manifest.root),
        out=tmp_path / "out",
        motion=False,
        **(FAST | {"label_curve": ()}),
    )
    assert found.protocol["data"]["tested"] == 21
    verdict = found.verdicts[-1]
    assert verdict.startswith(
        "left out: 1 rows of the manifest are bad or duplicates; 1 videos have"
    )
    assert "broken.mp4" in verdict


def test_an_encoder_of_flow_is_judged_like_any_other(bars: Path, tmp_path: Path) -> None:
    encoder = an_encoder_of_flow().save(tmp_path / "encoder")
    found = probe(encoder, bars, flow="dis", **FAST)
    assert [row.name for row in found.rows] == [
        "encoder",
        "random weights",
        "metadata",
        "optical flow",
        "chance (largest class)",
        "encoder, frozen fields",
        "encoder, shuffled fields",
    ]
    assert found.row("encoder").accuracy.mean > 0.9  # only motion tells the class
    assert found.row("optical flow").accuracy.mean > 0.9
    assert found.motion is not None
    assert "the motion of one moment" in found.motion.words[0]
    flow = found.protocol["method"]["flow"]
    assert (flow["estimator"], flow["settings"], flow["ways"]) == (
        "dis",
        {"preset": "medium"},
        "forward",
    )
    with pytest.raises(InputError, match="takes optical flow of 2 channels and flow is not given"):
        probe(encoder, bars, **FAST)


def test_several_encoders_are_judged_as_one(run: Path, bars: Path, tmp_path: Path) -> None:
    encoder = an_encoder_of_flow(footage=("elsewhere",))
    flow = encoder.save(tmp_path / "flow")
    options: dict[str, Any] = FAST | {"seeds": 1, "label_curve": (1,)}
    found = probe([run, flow], bars, flow="dis", out=tmp_path / "both", **options)
    assert [row.name for row in found.rows] == [
        "first + flow",
        "random weights",
        "metadata",
        "optical flow",
        "chance (largest class)",
        "first + flow, frozen fields",
        "first + flow, shuffled fields",
    ]
    assert found.rows[0].features == an_encoder().widths.clip + encoder.widths.clip
    assert found.curve is not None
    assert found.curve.variants == ("first + flow", "random weights", "metadata", "optical flow")
    assert found.footage.seen == 4  # by the first encoder
    assert "2 encoders side by side" in str(found)
    words = found.protocol["command"].split()
    assert words[:5] == ["selfvid", "probe", str(run), str(flow), str(bars)]
