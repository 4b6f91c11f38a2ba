from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.clips.sampling import RandomClips
from selfvid.data.digits.stream import DigitStream
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import Row
from selfvid.encoders.base import Provenance
from selfvid.errors import InputError
from selfvid.objectives.temporal_pretext import TemporalPretext
from selfvid.objectives.time_changes import Reversed, Shuffled, TimeChange
from selfvid.pretraining.footage import notes, open_source, provenance, provenance_at_start
from selfvid.pretraining.settings import PretrainSettings
from selfvid.training.clips import ClipReading
from selfvid.training.run_folder import recipe_hash
from selfvid.training.schedule import Training
from tests.pretraining.runs import tiny_objective

DIGITS = DigitStream(frames=3, digits=1, canvas=32)


def settings(
    *, size: int | None = None, plan: dict[str, Any] | None = None, **changed: Any
) -> PretrainSettings:
    reading = ClipReading.of(
        size=size, flow=None, decoder="auto", decoded=None, workers=0, faults=FaultPolicy()
    )
    arguments: dict[str, Any] = {
        "data": DIGITS,
        "out": "run",
        "objective": tiny_objective(),
        "clips": None,
        "augment": None,
        "reading": reading,
        "training": Training(**{"steps": 5, "batch": 8, "warmup": 0, **(plan or {})}),
        "split": None,
        "device": "cpu",
        "precision": "float32",
        "seed": 0,
        "init": None,
    }
    return PretrainSettings(**(arguments | changed))


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    """Four rows of files that nobody opens: two to train on, one to test on, one that is bad."""
    rows = (
        Row(path="a.mp4", video="a", frames=90, duration=3600, split="train"),
        Row(path="b.mp4", video="b", frames=90, duration=1800, split="train"),
        Row(path="c.mp4", video="c", frames=90, duration=7200, split="test"),
        Row(path="d.mp4", video="d", status="bad", error="empty", split="train"),
    )
    Manifest(rows, tmp_path).write(tmp_path / "videos.csv")
    return str(tmp_path / "videos.csv")


def test_the_videos_of_a_run_are_the_usable_rows_of_its_split(manifest: str) -> None:
    every = open_source(settings(data=manifest, size=16))
    assert every.videos == ("a", "b", "c")
    assert every.hours == pytest.approx(1 + 0.5 + 2)
    train = open_source(settings(data=manifest, size=16, split="train"))
    assert train.videos == ("a", "b")
    assert train.frames == 2  # two consecutive frames by default
    with pytest.raises(InputError, match="has no usable video with split 'val'"):
        open_source(settings(data=manifest, size=16, split="val"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"data": DigitStream(frames=1, digits=1, canvas=32)}, "clips of 1 frames are too short"),
        ({"plan": {"batch": 1}}, "batch 1 over accumulate 1 is too small.* at least 2 clips"),
        ({"plan": {"batch": 6, "accumulate": 6}}, "batch 6 over accumulate 6 is too small"),
        ({"plan": {"devices": 3}}, "8 videos in a batch cannot be shared by 3 devices"),
    ],
)
def test_clips_that_the_objective_cannot_use_are_refused(
    wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        open_source(settings(**wrong))


def test_a_batch_is_shared_by_clips_of_a_video_and_then_by_devices(manifest: str) -> None:
    four = RandomClips(frames=2, clips=4)
    with pytest.raises(InputError, match=r"batch 6 is no multiple of .* clips per video 4"):
        open_source(settings(data=manifest, size=16, clips=four, plan={"batch": 6}))
    with pytest.raises(InputError, match="1 videos in a batch cannot be shared by 2 devices"):
        open_source(settings(data=manifest, size=16, clips=four, plan={"batch": 4, "devices": 2}))
    open_source(settings(data=manifest, size=16, clips=four, plan={"batch": 8, "devices": 2}))


def test_trying_a_size_leaves_the_encoder_in_its_mode(manifest: str) -> None:
    for mode in (True, False):
        objective = tiny_objective()
        objective.encoder.train(mode)
        with pytest.raises(InputError, match=r"size \[1, 1\] does not fit the encoder"):
            open_source(settings(data=manifest, size=1, objective=objective))
        assert objective.encoder.training == mode


def test_an_encoder_records_its_clips_at_the_start_and_its_videos_at_the_end(manifest: str) -> None:
    run = settings(data=manifest, size=16, clips=RandomClips(frames=3, stride=5))
    run.objective.encoder.provenance = Provenance(footage=("b", "z"))  # of an earlier run
    source = open_source(run)
    encoder = run.objective.encoder
    start, end = provenance_at_start(run, source, encoder), provenance(run, source, encoder)
    assert (start.size, start.frames, start.stride) == ((16, 16), 3, 5)
    assert start.footage == ("b", "z")
    assert end.footage == ("a", "b", "c", "z")
    assert end.recipe == recipe_hash(run.recipe())
    assert (end.size, end.frames, end.generated) == ((16, 16), 3, "")


def test_generated_clips_are_recorded_by_their_generator() -> None:
    run = settings()
    source = open_source(run)
    found = provenance(run, source, run.objective.encoder)
    assert found.generated == source.maker != ""
    assert found.footage == ()


def test_averaged_weights_are_a_note() -> None:
    assert notes(settings()) == ()
    assert notes(settings(plan={"average": 0.5})) == (
        "weights are a moving average with decay 0.5",
    )


def pretext(change: TimeChange) -> TemporalPretext:
    return TemporalPretext(tiny_objective().encoder, change, steps=3)


def test_time_is_not_reversed_at_random_where_its_direction_is_told() -> None:
    reverse = Augmentation(reverse=0.5)
    with pytest.raises(InputError, match=r"reverse is 0.5.* direction of time; expected reverse 0"):
        open_source(settings(objective=pretext(Reversed()), augment=reverse))
    # Frames in order are in order both ways.
    assert open_source(settings(objective=pretext(Shuffled(3)), augment=reverse)).frames == 3


def test_clips_with_repeated_frames_would_tell_what_was_done_to_time(manifest: str) -> None:
    whole: dict[str, Any] = {
        "frames": 3,
        "stride": 40,
    }  # a span of 81 frames, and every video has 90
    objective = pretext(Reversed())
    open_source(settings(data=manifest, size=16, objective=objective, clips=RandomClips(**whole)))
    table = Manifest.read(manifest)
    short = replace(table.rows[1], frames=80)
    Manifest((table.rows[0], short, *table.rows[2:]), Path(manifest).parent).write(Path(manifest))
    for rule in ("repeat_last", "loop"):
        padded = RandomClips(**whole, short=rule)
        with pytest.raises(InputError, match=r"1 of 3 videos .*'b.mp4' of 80.* short: skip"):
            open_source(settings(data=manifest, size=16, objective=objective, clips=padded))
        open_source(settings(data=manifest, size=16, clips=padded))  # pairs may be padded
    skipped = RandomClips(**whole, short="skip")
    open_source(settings(data=manifest, size=16, objective=objective, clips=skipped))
