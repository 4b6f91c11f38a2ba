from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from selfvid.data.clips.sampling import WholeVideo
from selfvid.data.flow.origin import FlowReading
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.encoders.base import Encoder
from selfvid.errors import InputError
from selfvid.features.extract import Cut, EncoderView
from selfvid.flow.estimate import DIS
from selfvid.probing.encoders import ProbedEncoder
from selfvid.probing.features import Gathered, side_by_side
from selfvid.probing.subject import Member, Subject, names_of
from tests.probing.footage import an_encoder, an_encoder_of_flow

CUT = Cut(WholeVideo(frames=2), (16, 16))
FLOW_CUT = Cut(WholeVideo(frames=2), (16, 16), flow=FlowReading(DIS()))


def a_member(
    name: str, encoder: Encoder, *, at_start: Encoder | None = None, start: str = "random weights"
) -> Member:
    run = None if at_start is None else Path("runs") / name
    probed = ProbedEncoder(Path("runs") / name / "encoder", run, encoder, at_start, start)
    return Member(name, probed, CUT if encoder.in_channels == 3 else FLOW_CUT)


def weights(view: EncoderView) -> torch.Tensor:
    return torch.cat([each.flatten() for each in view.encoder.state_dict().values()])


def test_every_variant_has_its_encoder_and_its_view() -> None:
    trained, start = an_encoder(seed=1), an_encoder(seed=2)
    subject = Subject((a_member("a", trained, at_start=start),))
    (views,) = subject.views(seeds=2, motion=True)
    assert [(name, len(repeats)) for name, repeats in views.items()] == [
        ("encoder", 1),
        ("encoder at start", 1),
        ("random weights", 2),
        ("encoder, frozen frames", 1),
        ("encoder, shuffled frames", 1),
    ]
    assert [view.view for repeats in views.values() for view in repeats] == [
        *["frames"] * 4,
        "frozen",
        "shuffled",
    ]
    assert views["encoder at start"][0].encoder is start
    assert all(views[name][0].encoder is trained for name in views if name.startswith("encoder,"))
    first, second = map(weights, views["random weights"])
    assert not torch.equal(first, second)


def test_an_encoder_without_a_start_or_motion_has_fewer_variants() -> None:
    (views,) = Subject((a_member("a", an_encoder()),)).views(seeds=1, motion=False)
    assert list(views) == ["encoder", "random weights"]


def test_several_encoders_change_together_and_are_drawn_differently() -> None:
    members = [
        a_member(name, an_encoder(seed), at_start=an_encoder())
        for seed, name in ((1, "a"), (2, "b"))
    ]
    first, second = Subject(tuple(members)).views(seeds=2, motion=False)
    assert list(first) == list(second) == ["encoder", "encoder at start", "random weights"]
    drawn = [weights(view) for views in (first, second) for view in views["random weights"]]
    assert not any(torch.equal(one, other) for n, one in enumerate(drawn) for other in drawn[:n])
    # A variant "at start" needs the start of every encoder.
    views = Subject((members[0], a_member("c", an_encoder(3)))).views(seeds=1, motion=False)
    assert [list(each) for each in views] == [["encoder", "random weights"]] * 2


def test_with_flow_the_views_are_of_fields() -> None:
    subject = Subject((a_member("a", an_encoder()), a_member("b", an_encoder_of_flow())))
    for views in subject.views(seeds=1, motion=True):
        assert list(views)[2:] == ["encoder, frozen fields", "encoder, shuffled fields"]


def test_a_subject_has_the_names_of_its_encoders() -> None:
    one = Subject((a_member("a", an_encoder(), at_start=an_encoder()),))
    assert (one.name, one.start, one.home) == ("encoder", "random weights", Path("runs/a/probe"))
    two = Subject((*one.members, a_member("b", an_encoder(), start="unknown weights")))
    assert two.name == "a + b"
    assert two.start == "a: random weights, b: unknown weights"
    assert two.home == Path("runs/a+b-probe").absolute()
    assert two.titled("encoder") == "a + b"
    assert two.titled("encoder, frozen frames") == "a + b, frozen frames"
    assert two.titled("random weights") == "random weights"
    assert one.titled("encoder at start") == "encoder at start"


def test_names_are_short_and_distinct() -> None:
    assert names_of([Path("runs/a"), Path("other/b/encoder")]) == ["a", "b"]
    assert names_of([Path("runs/a"), Path("other/a")]) == ["runs/a", "other/a"]
    with pytest.raises(InputError, match="encoder 'runs/a' is given twice"):
        names_of([Path("runs/a"), Path("runs/a")])


def test_a_video_is_seen_if_one_of_the_encoders_has_seen_it() -> None:
    rows = tuple(Row(path=f"{n}.mp4", video=str(n), group=str(n)) for n in range(4))
    manifest = Manifest(rows, Path())
    encoders = (
        an_encoder(footage=("0", "1")),
        an_encoder_of_flow(footage=("1", "2"), labelled=("2",)),
    )
    subject = Subject(tuple(map(a_member, "ab", encoders)))
    found = subject.footage(manifest, rows)
    assert (found.seen, found.labels_seen, found.known) == (3, 1, True)
    silent = Subject((*subject.members, a_member("c", an_encoder())))
    assert not silent.footage(manifest, rows).known


def test_vectors_stand_side_by_side_for_videos_that_all_could_read() -> None:
    first = Gathered(
        {"it": (np.array([[1.0], [2.0], [4.0]]),)},
        np.array([True, True, False, True]),
        ("c failed",),
        1,
    )
    second = Gathered(
        {"it": (np.array([[20.0, 21], [30, 31], [40, 41]]),)},
        np.array([False, True, True, True]),
        ("a failed",),
        0,
    )
    joined = side_by_side([first, second])
    assert joined.read.tolist() == [False, True, False, True]
    assert joined.variants["it"][0].tolist() == [[2, 20, 21], [4, 40, 41]]
    assert (joined.faults, joined.reused) == (("c failed", "a failed"), 1)


def test_flow_of_another_estimator_than_in_training_is_named() -> None:
    def given(trained_on: str) -> list[str]:
        return Subject((a_member("a", an_encoder_of_flow(flow=trained_on)),)).other_flow()

    assert given('dis {"preset": "medium"}') == given("") == []
    (words,) = given("farneback {}")
    assert words.startswith("other flow: the encoder was trained on flow by farneback {}, and is")
    assert words.endswith('flow by dis {"preset": "medium"}')
