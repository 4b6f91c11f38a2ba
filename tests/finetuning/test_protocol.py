from pathlib import Path

import numpy as np
import pytest

from selfvid.data.clips.crops import Crop
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.splits import Fold
from selfvid.finetuning.coherence import Coherence
from selfvid.finetuning.protocol import heading, protocol
from selfvid.finetuning.second_folds import SecondFolds
from selfvid.finetuning.second_set import SecondData
from selfvid.heads.average import Average
from selfvid.training.schedule import Training
from tests.finetuning.tuned import settings_of, tanh_encoder


def halves(videos: Manifest) -> list[Fold]:
    places = np.arange(len(videos))
    return [
        Fold(name=f"{half}", train=places[places % 2 != half], test=places[places % 2 == half])
        for half in range(2)
    ]


def test_the_heading_says_how_often_and_on_what_the_network_was_tested(
    digits_manifest: Path,
) -> None:
    folds = halves(Manifest.read(digits_manifest))
    plain = settings_of(digits_manifest)
    views = repr(plain.views)
    one, two = heading(plain, folds[:1]), heading(plain, folds)
    assert one == f"Average on FrameEncoder, direction, one split; tested on {views}"
    assert two == one.replace("one split", "2 folds")
    cropped = heading(settings_of(digits_manifest, crop=Crop(24, tested="ten")), folds[:1])
    assert cropped == f"{one}, 10 crops of each"
    joint = settings_of(digits_manifest, coherence=Coherence(data=str(digits_manifest), batch=4))
    assert ", in turn with coherence on 32 videos, direction" in heading(joint, folds)


@pytest.mark.parametrize("joint", [False, True])
def test_every_step_of_joint_training_has_three_updates(digits_manifest: Path, joint: bool) -> None:
    videos = Manifest.read(digits_manifest)
    coherence = Coherence(data=str(digits_manifest), batch=4) if joint else None
    settings = settings_of(
        digits_manifest, coherence=coherence, training=Training(steps=7, batch=4, warmup=0)
    )
    found = protocol(settings, videos, halves(videos), None, command="again", seconds=1.26)
    assert (found["steps"], found["updates"]) == (7, 7 + 7 * 2 * joint)
    assert (found["command"], found["seconds"], found["second"]) == ("again", 1.3, None)
    assert found["folds"] == [{"name": name, "train": 16, "test": 16} for name in ("0", "1")]


def test_the_second_data_set_is_described_fold_by_fold(
    digits_manifest: Path, same_footage: Path
) -> None:
    videos = Manifest.read(digits_manifest)
    folds = halves(videos)
    encoder = tanh_encoder()
    settings = settings_of(
        digits_manifest,
        encoder=encoder,
        second=SecondData(data=str(same_footage), label="side", weight=0.5),
        second_head=Average(encoder.widths, 2),
    )
    second = SecondFolds.of(settings, videos, folds)
    found = protocol(settings, videos, folds, second, command="again", seconds=0)["second"]
    assert (found["label"], found["weight"], found["classes"]) == ("side", 0.5, 2)
    # Of the same videos, those that a fold tests on may not be trained on.
    wanted = {"train": 16, "test": 0, "train_left_out": 16, "test_left_out": 0}
    assert found["folds"] == [wanted, wanted]
