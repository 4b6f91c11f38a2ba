from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfvid.data.clips.crops import Crop
from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.clips.sampling import RandomClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.base import Provenance, load_encoder
from selfvid.errors import InputError
from selfvid.finetuning.clips import batch_stream, check_frames, labelled_clips, provenance
from selfvid.finetuning.coherence import Coherence
from selfvid.training.batches import BalancedStream
from selfvid.training.schedule import Training
from tests.finetuning.test_stages import on_clips, staged
from tests.finetuning.tuned import settings_of, tanh_encoder


def test_an_encoder_of_which_a_part_learns_has_seen_the_training_videos(
    split_manifest: Path, tmp_path: Path
) -> None:
    rates = {"encoder": 0.0, "encoder.backbone.network.network.0.0": 1.0}
    staged(split_manifest, tmp_path / "run", on_clips(), rates=rates)
    videos = Manifest.read(split_manifest).usable
    trained = {row.video for row in videos.rows if row.split == "train"}
    assert set(load_encoder(tmp_path / "run").provenance.footage) == trained


@pytest.mark.parametrize(("testing", "cache"), [(True, None), (False, 2), (False, None)])
def test_no_clip_is_replaced_in_a_test_or_where_features_are_kept(
    digits_manifest: Path, testing: bool, cache: int | None
) -> None:
    faults = FaultPolicy(share=0.3)
    settings = settings_of(digits_manifest, faults=faults, cache=cache, rates={"encoder": 0})
    videos = Manifest.read(digits_manifest)
    classes = tuple(videos.classes("direction"))
    clips = labelled_clips(settings, videos, classes, testing=testing)
    assert clips.faults.strict == (testing or cache is not None)
    assert clips.sampling == (settings.views if testing else settings.clips)
    assert clips.labels is not None
    assert [classes[label] for label in clips.labels] == videos.column("direction")


def test_a_batch_of_videos_gives_the_clips_of_one_accumulated_part() -> None:
    training = Training(steps=3, batch=12, accumulate=2, warmup=0)
    settings = settings_of(clips=RandomClips(frames=2, clips=3), training=training)
    stream = batch_stream(settings, np.arange(7) % 3)
    # 12 clips of a step come in two parts, and three of them from one video
    assert (stream.per_batch, stream.total, stream.videos) == (2, 6, 7)
    assert not isinstance(stream, BalancedStream)


def test_balanced_batches_draw_rare_classes_as_often_as_others() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    settings = settings_of(balanced=True, training=Training(steps=100, batch=20, warmup=0))
    drawn = [labels[key.index] for keys in batch_stream(settings, labels) for key in keys]
    assert len(drawn) == 2000
    assert np.mean(drawn) == pytest.approx(0.5, abs=5 * 0.5 / 2000**0.5)


def test_frames_too_small_for_the_crop_or_the_encoder_are_refused(digits_manifest: Path) -> None:
    videos = Manifest.read(digits_manifest)
    classes = tuple(videos.classes("direction"))

    def check(**more: Any) -> None:
        settings = settings_of(digits_manifest, **more)
        check_frames(settings, labelled_clips(settings, videos, classes, testing=False))

    check()
    check(crop=Crop(24))
    with pytest.raises(InputError, match="is smaller than the crop"):
        check(crop=Crop(40))
    with pytest.raises(InputError, match="do not fit the encoder"):
        check(size=2)


def test_provenance_counts_on_from_what_the_encoder_had_seen() -> None:
    encoder = tanh_encoder()
    encoder.provenance = Provenance(footage=("old", "b"), labelled=("old",), notes=("averaged",))
    settings = settings_of(encoder=encoder, clips=RandomClips(frames=2, stride=3), crop=Crop(24))
    found = provenance(settings, {"b", "a"}, (32, 32), unlabelled={"c"})
    assert found.footage == ("a", "b", "old")  # coherence was not trained on, so c is not seen
    assert found.labelled == ("a", "b", "old")
    assert (found.size, found.frames, found.stride) == ((24, 24), 2, 3)
    assert found.notes == ("averaged", "fine-tuned with labels")


def test_a_frozen_encoder_has_seen_nothing_more() -> None:
    encoder = tanh_encoder()
    encoder.provenance = Provenance(footage=("old",), notes=("averaged",))
    settings = settings_of(encoder=encoder, rates={"encoder": 0})
    found = provenance(settings, {"a"}, (32, 32), unlabelled=())
    assert (found.footage, found.labelled, found.notes) == (("old",), (), ("averaged",))


def test_unlabelled_videos_are_seen_without_their_labels(digits_manifest: Path) -> None:
    coherence = Coherence(data=str(digits_manifest), batch=4)
    settings = settings_of(digits_manifest, coherence=coherence)
    found = provenance(settings, {"a"}, (32, 32), unlabelled={"c"})
    assert (found.footage, found.labelled) == (("a", "c"), ("a",))
    assert found.notes == ("fine-tuned with labels", "trained with temporal coherence in turn")
