from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.data.flow.command import compute_flow
from selfvid.data.indexing.command import index
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.encode import write_video
from selfvid.encoders.base import Encoder, Provenance
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.probing.command import probe
from selfvid.probing.encoders import load_probed_encoder, random_weights
from selfvid.probing.result import ProbeResult
from selfvid.results.leaks import relate_footage
from selfvid.results.scores import Scores

FAST: dict[str, Any] = {"folds": 3, "seeds": 2, "label_curve": (1, 50), "quiet": True}


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bars that cross the picture: to the left in one class, to the right in the other.

    Every file is as long and as large as the next, so that nothing but motion tells the class.
    """
    folder = tmp_path_factory.mktemp("bars")
    rng = np.random.default_rng(0)
    for n in range(24):
        frames = torch.full((9, 3, 32, 36), 30, dtype=torch.uint8)
        top, bright = int(rng.integers(0, 16)), int(rng.integers(150, 250))
        for t in range(9):
            left = 4 * (t if n % 2 else 8 - t)
            frames[t, :, top : top + 12, left : left + 4] = bright
        name = "right" if n % 2 else "left"
        (folder / name).mkdir(exist_ok=True)
        write_video(folder / name / f"take{n // 2:02}.mp4", frames)
    manifest = folder / "bars.csv"
    index(
        folder,
        out=manifest,
        labels="folder",
        groups=r"take\d+",
        workers=1,
        near_duplicates=False,
        quiet=True,
    )
    return manifest


def _encoder(seed: int = 5, **provenance: Any) -> Encoder:
    torch.manual_seed(seed)
    encoder = FrameEncoder(SmallNet(channels=1, stages=(8, 16), grid=4))
    used_to: dict[str, Any] = {"size": (32, 36), "frames": 9}
    encoder.provenance = Provenance(**(used_to | provenance))
    return encoder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, bars: Path) -> Path:
    """A run whose encoder has met the first four videos."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    met = tuple(row.video for row in Manifest.read(bars).rows[:4])
    _encoder(footage=met).save(folder / "encoder")
    _encoder(seed=6).save(folder / "encoder_at_start")
    (folder / "recipe.yaml").write_text("encoder: {backbone: {weights: random}}\ninit: null\n")
    return folder


@pytest.fixture(scope="module")
def result(run: Path, bars: Path) -> ProbeResult:
    return probe(run, bars, pool="segments", segments=2, **FAST)


def test_every_baseline_stands_beside_the_encoder(result: ProbeResult) -> None:
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
    assert any(
        "than what optical flow" in said or "what optical flow" in said for said in found.verdicts
    )


def test_flow_that_is_missing_is_said_before_anything_is_decoded(
    run: Path, bars: Path, tmp_path: Path
) -> None:
    some = Manifest.read(bars).select(range(3))
    compute_flow(some, out=tmp_path / "flow", workers=1, quiet=True)
    with pytest.raises(InputError, match="has no forward flow of video"):
        probe(run, bars, flow=tmp_path / "flow", out=tmp_path, **FAST)
    assert not (tmp_path / "features").exists()


def test_direction_is_read_from_order_and_from_nothing_else(result: ProbeResult) -> None:
    assert result.row("encoder").accuracy.mean > 0.9
    assert result.row("encoder, frozen frames").accuracy.mean < 0.8
    said = "\n".join(result.verdicts)
    assert "labels cannot be read from one frame" in said
    assert "order matters: +" in said


def test_mean_pooling_is_said_to_be_blind_to_order(run: Path, bars: Path, tmp_path: Path) -> None:
    found = probe(run, bars, pool="mean", out=tmp_path, **(FAST | {"label_curve": ()}))
    assert found.motion is not None
    assert found.motion.order_seen < 1e-4
    assert found.curve is None


def test_the_json_alone_tells_the_whole_protocol(result: ProbeResult) -> None:
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


def test_accuracies_can_be_computed_again_from_the_predictions(result: ProbeResult) -> None:
    with (result.path / "predictions.csv").open() as text:
        lines = list(csv.DictReader(text))
    assert len(lines) == 24
    for name in ("encoder", "metadata", "encoder, shuffled frames"):
        right = [line[name] == line["label"] for line in lines]
        assert np.mean(right) == pytest.approx(result.row(name).accuracy.mean)
    by_seed = [
        np.mean([line[f"random weights {n}"] == line["label"] for line in lines]) for n in range(2)
    ]
    assert by_seed == pytest.approx(result.row("random weights").repeat_accuracies)
    groups = [
        {line["group"] for line in lines if line["fold"] == f"fold {n} of 3"} for n in (1, 2, 3)
    ]
    assert sum(map(len, groups)) == len(set.union(*groups))


def test_scores_are_the_out_of_fold_probabilities(result: ProbeResult, bars: Path) -> None:
    scores = Scores.read(result.path / "scores.csv")
    assert set(scores.videos) == {row.video for row in Manifest.read(bars).rows}
    right = (scores.predicted == scores.labels).mean()
    assert right == pytest.approx(result.row("encoder").accuracy.mean)


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
    taught = relate_footage(
        Manifest(tuple(rows), manifest.root), rows, [rows[0].video], labelled=[rows[7].video]
    )
    assert taught.labels_seen == 2


def test_a_label_count_that_is_not_there_is_left_out_in_words(result: ProbeResult) -> None:
    assert result.curve is not None
    assert [point.per_class for point in result.curve.points] == [1, 1, None, None]
    assert result.curve.skipped[0].startswith("50 per class left out")


def test_a_probe_repeated_decodes_nothing_and_says_the_same(
    run: Path, bars: Path, result: ProbeResult
) -> None:
    again = probe(run, bars, pool="segments", segments=2, **FAST)
    assert again.protocol["features_reused"] == 6
    assert again.rows == result.rows
    assert again.verdicts == result.verdicts


def test_the_table_shows_what_a_person_needs(result: ProbeResult) -> None:
    shown = str(result)
    assert "random weights (2 seeds)" in shown
    assert "24 videos tested, 2 classes, 12 groups, 3 folds" in shown
    table = shown.split("\n\n")[1].splitlines()
    assert len({line.index(".") for line in table[1:]}) == 1


def test_random_weights_differ_by_seed_and_leave_the_generator_alone() -> None:
    encoder = _encoder()
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    one, again, other = (random_weights(encoder, seed) for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    weight = next(iter(encoder.state_dict()))
    assert torch.equal(one.state_dict()[weight], again.state_dict()[weight])
    assert not torch.equal(one.state_dict()[weight], other.state_dict()[weight])


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("encoder: {backbone: {weights: imagenet}}", "weights from weights imagenet"),
        ("init: runs/old", "weights from init runs/old"),
        ("init: null", "random weights"),
        ("[not: a recipe", "unknown weights"),
    ],
)
def test_a_recipe_tells_what_the_start_was(tmp_path: Path, recipe: str, words: str) -> None:
    _encoder().save(tmp_path / "encoder")
    (tmp_path / "recipe.yaml").write_text(recipe)
    assert load_probed_encoder(tmp_path).start == words


def test_an_encoder_that_lies_alone_is_probed_beside_itself(tmp_path: Path) -> None:
    _encoder().save(tmp_path / "mine")
    probed = load_probed_encoder(tmp_path / "mine")
    assert probed.home == tmp_path / "mine-probe"
    assert probed.at_start is None


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
        ({"device": "nonsense"}, "device 'nonsense' cannot be used"),
    ],
)
def test_what_does_not_fit_is_one_line(
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


def test_what_is_left_out_is_said(run: Path, bars: Path, tmp_path: Path) -> None:
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
    said = found.verdicts[-1]
    assert said.startswith("left out: 1 rows of the manifest are bad or duplicates; 1 videos have")
    assert "broken.mp4" in said
