import json
from pathlib import Path
from typing import Any

import pytest

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.sampling import PairedClips, RandomClips
from selfvid.encoders.flow_input import FlowFields
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import PixelInput
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.encoders.vectors import Percepts
from selfvid.errors import InputError
from selfvid.finetuning.classifier import TwoHeads
from selfvid.finetuning.coherence import Coherence
from selfvid.finetuning.second_set import SecondData
from selfvid.heads.average import Average
from selfvid.heads.lrcn import LRCN
from tests.finetuning.kept_features.runs import frozen
from tests.finetuning.second import trained
from tests.finetuning.test_stages import on_clips
from tests.finetuning.tuned import settings_of, tanh_encoder

ON_FIELDS = FrameEncoder(SmallNet(channels=2, stages=(8,)), input=FlowFields())


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"cache": 0}, "cache is 0; expected 1 or more clips"),
        ({"rates": {}}, "encoder.backbone.* learns; expected rates with encoder: 0"),
        ({"rates": {"encoder.backbone.network.0": 0}}, "network.* learns"),
        ({"coherence": "footage.csv"}, "coherence trains it; expected one of them to be null"),
        ({"cache": None, "cache_folder": "kept"}, "cache_folder is 'kept' and cache null"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    split_manifest: Path, tmp_path: Path, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint) as raised:
        frozen(split_manifest, tmp_path / "run", **{"cache": 2, **options})
    assert "\n" not in str(raised.value)


def test_coherence_and_a_second_data_set_exclude_each_other(
    digits_manifest: Path, other_manifest: Path, tmp_path: Path
) -> None:
    coherence = Coherence(data=str(digits_manifest), batch=4)
    second = SecondData(data=str(other_manifest), label="side")
    with pytest.raises(InputError, match="both second and coherence are given"):
        trained(digits_manifest, tmp_path / "run", second=second, coherence=coherence)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"seed": -1}, "seed is -1; expected 0 or more"),
        ({"clips": RandomClips(frames=2, clips=3)}, "batch 4 is no multiple of accumulate 1 times"),
        ({"flow": "flow"}, "flow is 'flow' but the encoder takes pixels"),
        (
            {"flow": "flow", "encoder": ON_FIELDS, "augment": Augmentation()},
            "augmentation has .* and clips are flow",
        ),
        ({"clips": PairedClips(frames=2)}, "clips are pairs of windows of PairedClips, which only"),
        ({"rates": {"backbone": 1}}, "rates name 'backbone', which the model has not"),
        (
            {"encoder": SlidingEncoder(on_clips())},
            "clips of 2 are shorter than the 3",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        settings_of(**options)


def test_the_recipe_states_all_arguments_but_what_follows_from_others() -> None:
    recipe = settings_of("a.csv", rates={"head": 2.0}, size=24).recipe()
    assert (recipe["data"], recipe["size"], recipe["rates"]) == ("a.csv", [24, 24], {"head": 2.0})
    assert recipe["head"]["class_path"] == "selfvid.heads.average.Average"
    assert not {"widths", "classes"} & set(recipe["head"]["init_args"])
    assert "second_head" not in recipe
    assert recipe == json.loads(json.dumps(recipe))  # plain data


def test_settings_of_the_second_data_set_are_its_own_and_otherwise_the_same(
    other_manifest: Path,
) -> None:
    encoder = tanh_encoder()
    head = Average(encoder.widths, 2)
    second = SecondData(data=str(other_manifest), label="side", batch=6)
    both = settings_of(
        encoder=encoder, second=second, second_head=head, rates={"second_head": 0.5}, seed=3
    )
    own = both.of_second(size=(20, 24))
    assert (own.data, own.label, own.training.batch) == (str(other_manifest), "side", 6)
    assert (own.reading.size, own.head, own.seed) == ((20, 24), head, 4)
    assert own.clips == both.clips
    assert own.second is None
    assert isinstance(both.classifier, TwoHeads)
    assert not isinstance(own.classifier, TwoHeads)


def test_features_are_kept_in_the_run_unless_a_folder_is_named() -> None:
    frozen_encoder: dict[str, Any] = {"rates": {"encoder": 0}, "cache": 1, "out": "here"}
    assert settings_of(**frozen_encoder).feature_folder == Path("here/features")
    named = settings_of(**frozen_encoder, cache_folder="there")
    assert named.feature_folder == Path("there")


def test_a_pretrained_lstm_reads_vectors_of_frames_that_are_scaled_as_before(
    tmp_path: Path,
) -> None:
    def on_frames(mean: float) -> FrameEncoder:
        scaled = PixelInput("grey", mean=[mean], deviation=[1.0])
        return FrameEncoder(SmallNet(channels=1, stages=(8,)), input=scaled)

    LSTMEncoder(Percepts(on_frames(0.5)), hidden=5).save(tmp_path / "encoder")
    head = LRCN(on_frames(0.5).widths, 8, hidden=5, start=tmp_path)
    settings_of(encoder=on_frames(0.5), head=head)
    settings_of(encoder=SlidingEncoder(on_frames(0.5)), head=head)
    for encoder in (on_frames(0.0), SlidingEncoder(on_frames(0.0))):
        with pytest.raises(InputError, match=r"below the LSTM .*mean=\[0.5\].*mean=\[0.0\]"):
            settings_of(encoder=encoder, head=head)
