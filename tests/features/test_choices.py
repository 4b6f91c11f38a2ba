from __future__ import annotations

from typing import Any

import pytest

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.sampling import DenseClips, EvenClips, WholeVideo
from selfvid.encoders.base import Provenance
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.features.choices import choose_flow, choose_sampling, choose_size

TRAINED_ON = Provenance(size=(48, 64), frames=6, stride=3)


def test_without_options_clips_are_those_of_training() -> None:
    assert choose_sampling(TRAINED_ON) == WholeVideo(frames=6)
    assert choose_sampling(TRAINED_ON, clips=4) == EvenClips(frames=6, stride=3, clips=4)
    assert choose_sampling(TRAINED_ON, clips="dense") == DenseClips(frames=6, stride=3, hop=18)
    by_time = Provenance(frames=6, fps=12.5)
    assert choose_sampling(by_time, clips=1) == EvenClips(frames=6, fps=12.5, clips=1)
    assert choose_size(TRAINED_ON, None) == (48, 64)


def test_options_replace_what_was_used_in_training() -> None:
    found = choose_sampling(TRAINED_ON, clips="dense", frames=2, stride=5, hop=1, short="skip")
    assert found == DenseClips(frames=2, stride=5, hop=1, short="skip")
    assert choose_size(TRAINED_ON, 32) == (32, 32)
    assert choose_size(TRAINED_ON, (20, 30)) == (20, 30)


def test_a_rate_replaces_the_stride_of_training_and_a_stride_its_rate() -> None:
    assert choose_sampling(TRAINED_ON, clips=1, fps=10.0) == EvenClips(frames=6, fps=10.0, clips=1)
    by_time = Provenance(frames=6, fps=12.5)
    assert choose_sampling(by_time, clips=1, stride=2) == EvenClips(frames=6, stride=2, clips=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stride": 2}, "stride is 2 but has no meaning with clips whole"),
        ({"short": "loop"}, "short is loop but has no meaning with clips whole"),
        ({"clips": 3, "hop": 4}, "hop is 4 but has no meaning with clips 3"),
        ({"clips": "many"}, "clips is 'many'; expected whole, dense or a number"),
    ],
)
def test_options_without_a_meaning_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        choose_sampling(TRAINED_ON, **options)


def test_settings_that_neither_training_nor_options_give_are_an_error() -> None:
    with pytest.raises(InputError, match="expected --frames N"):
        choose_sampling(Provenance())
    with pytest.raises(InputError, match="expected --size N"):
        choose_size(Provenance(), None)
    with pytest.raises(InputError, match="size is 0; expected at least 1 pixel"):
        choose_size(TRAINED_ON, 0)


def test_an_encoder_of_flow_needs_flow_and_one_of_pixels_reads_none() -> None:
    encoder = FrameEncoder(SmallNet(channels=1, stages=(8,)))
    assert choose_flow(encoder, None) is None
    assert choose_flow(encoder, "dis") is None
    encoder.in_channels = 2
    with pytest.raises(InputError, match="optical flow of 2 channels and flow is not given"):
        choose_flow(encoder, None)
    forward = choose_flow(encoder, "dis")
    assert forward is not None
    assert forward.ways == "forward"
    encoder.in_channels = 4
    both = choose_flow(encoder, "dis")
    assert both is not None
    assert both.ways == "both"
