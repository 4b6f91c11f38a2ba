from pathlib import Path

import pytest
import torch

from selfvid.backbones.inflated import Inflated
from selfvid.backbones.small import SmallNet
from selfvid.encoders.clip import ClipEncoder
from selfvid.errors import InputError
from selfvid.finetuning.classifier import (
    SECOND_HEAD,
    Classifier,
    TwoHeads,
    check_fits,
    load_classifier,
    save_classifier,
    save_head,
)
from selfvid.heads.average import Average
from tests.finetuning.tuned import tanh_encoder


def two_heads() -> TwoHeads:
    encoder = tanh_encoder()
    return TwoHeads(encoder, Average(encoder.widths, 3), Average(encoder.widths, 2)).eval()


def frames() -> torch.Tensor:
    return torch.randint(256, (2, 4, 3, 16, 16), generator=torch.Generator().manual_seed(0))


def test_a_classifier_that_was_saved_predicts_the_same(tmp_path: Path) -> None:
    both = two_heads()
    save_classifier(both, tmp_path, classes=("a", "b", "c"))
    save_head(both.second_head, tmp_path / SECOND_HEAD, classes=("d", "e"))
    first, second = load_classifier(tmp_path), load_classifier(tmp_path, head=SECOND_HEAD)
    assert (first.classes, second.classes) == (("a", "b", "c"), ("d", "e"))
    with torch.no_grad():
        for loaded, made in ((first, both), (second, both.second)):
            assert not loaded.classifier.training
            found, wanted = loaded.classifier(frames())[0], made(frames())[0]
            assert torch.equal(found.probabilities, wanted.probabilities)


def test_both_heads_share_one_encoder() -> None:
    both = two_heads()
    assert both.second.encoder is both.encoder
    with torch.no_grad():
        prediction, features = both.second(frames())
        assert torch.equal(features.clip, both(frames())[1].clip)
        assert torch.equal(prediction.votes, both.second_head(features).votes)


def test_a_folder_without_a_head_or_its_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no head/; expected a run of finetune"):
        load_classifier(tmp_path)
    save_classifier(two_heads(), tmp_path, classes=("a", "b"))
    with pytest.raises(InputError, match=r"head' does not name its 3 classes"):
        load_classifier(tmp_path)


@pytest.mark.parametrize("training", [True, False])
def test_a_check_of_the_size_leaves_the_mode_as_it_was(training: bool) -> None:
    encoder = ClipEncoder(Inflated(SmallNet(channels=1, stages=(8, 8)), frames=3))
    classifier = Classifier(encoder, Average(encoder.widths, 2)).train(training)
    check_fits(classifier, (16, 16), frames=3)
    with pytest.raises(InputError):
        check_fits(classifier, (16, 16), frames=2)
    assert classifier.training == training
