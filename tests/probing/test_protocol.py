from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from selfvid.data.clips.sampling import WholeVideo
from selfvid.data.flow.origin import FlowReading
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.manifest.splits import Fold
from selfvid.encoders.base import fingerprint
from selfvid.features.extract import Cut, Pooling
from selfvid.flow.estimate import DIS
from selfvid.probing.encoders import ProbedEncoder
from selfvid.probing.protocol import about_data, about_encoder, about_method, about_subject
from selfvid.probing.subject import Member, Subject
from selfvid.probing.variants import Task
from selfvid.saving.recorded import build
from tests.probing.footage import an_encoder

# Seven videos of three groups; the last one is in no test part.
TASK = Task(
    labels=np.array([0, 0, 1, 0, 1, 1, 1]),
    groups=np.array(["x", "x", "y", "y", "y", "z", "z"]),
    folds=(
        Fold(np.array([2, 3, 4, 5, 6]), np.array([0, 1]), "first"),
        Fold(np.array([0, 1, 6]), np.array([2, 3, 4, 5]), "second"),
    ),
    classes=("calm", "rough"),
)
MANIFEST = Manifest(tuple(Row(path=f"{n}.mp4", video=str(n)) for n in range(7)), Path())


def test_videos_classes_and_groups_are_counted() -> None:
    about = about_data(MANIFEST, TASK, label="sea")
    assert about["label"] == "sea"
    assert about["classes"] == {"calm": 3, "rough": 4}
    assert (about["videos"], about["tested"]) == (7, 6)
    assert (about["groups"], about["groups_tested"]) == (3, 3)
    assert about["folds"][1] == {
        "name": "second",
        "train": 3,
        "test": 4,
        "test_groups": ["y", "z"],
    }
    # Constants are right twice of two times in one fold, three of four times in the other.
    assert about["chance"]["largest_class"] == pytest.approx((2 + 3) / 6)
    assert about["chance"]["uniform"] == 1 / 2


def test_one_fold_is_the_split_of_the_manifest() -> None:
    one = Task(TASK.labels, TASK.groups, TASK.folds[:1], TASK.classes)
    assert about_data(MANIFEST, one, label="sea")["split"] == "the manifest's own"
    assert "StratifiedGroupKFold" in about_data(MANIFEST, TASK, label="sea")["split"]


def test_an_encoder_can_be_built_again_from_what_is_written(tmp_path: Path) -> None:
    encoder = an_encoder(footage=("1", "2", "3"), recipe="abc")
    probed = ProbedEncoder(tmp_path, None, encoder, None, "random weights")
    about = json.loads(json.dumps(about_encoder(probed)))
    assert about["fingerprint"] == fingerprint(encoder)
    assert (about["footage"], about["recipe"], about["start_kept"]) == (3, "abc", False)
    again = build(about["construction"])
    again.load_state_dict(encoder.state_dict())
    assert fingerprint(again) == about["fingerprint"]


def test_the_method_names_clips_and_seeds() -> None:
    cut = Cut(WholeVideo(frames=4), (32, 48), Pooling("segments", 2), decoder="pyav")
    about = about_method(a_subject(cut), seed=7, seeds=3)
    assert (about["frames"], about["size"], about["pool"]) == (4, (32, 48), "2 segments")
    assert (about["seed"], about["random_seeds"]) == (7, [0, 1, 2])
    assert about["default_c"] in about["grid"]
    assert about["flow"] is None
    json.dumps(about)


def test_the_clips_of_several_encoders_are_described_with_each() -> None:
    cuts = (
        Cut(WholeVideo(frames=4), (32, 48)),
        Cut(WholeVideo(frames=3), (16, 16), flow=FlowReading(DIS())),
    )
    subject = a_subject(*cuts)
    assert not {"sampling", "frames", "size", "flow"} & set(about_method(subject, seed=0, seeds=1))
    about = json.loads(json.dumps(about_subject(subject)))
    assert about["name"] == "a + b"
    assert "standardised" in about["joined"]
    first, second = about["members"]
    assert (first["name"], first["clips"]["size"], first["clips"]["flow"]) == ("a", [32, 48], None)
    assert (second["clips"]["frames"], second["clips"]["flow"]["estimator"]) == (3, "dis")
    assert first["fingerprint"] != second["fingerprint"]


def a_subject(*cuts: Cut) -> Subject:
    return Subject(
        tuple(
            Member(name, ProbedEncoder(Path(name), None, an_encoder(seed), None, ""), cut)
            for seed, (name, cut) in enumerate(zip("abc", cuts, strict=False))
        )
    )
