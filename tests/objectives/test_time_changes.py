import json
from itertools import permutations
from typing import Any

import pytest
import torch

from selfvid.errors import InputError
from selfvid.objectives.time_changes import Reversed, Shuffled, Sorted, Sped
from selfvid.saving.recorded import build, describe


def letters(numbers: torch.Tensor) -> list[str]:
    return ["".join("abcdefghijkl"[i] for i in row) for row in numbers.tolist()]


def test_time_runs_backwards() -> None:
    assert letters(Reversed().frames(4, clips=2)[0]) == ["abcd", "dcba"]


def test_an_order_is_drawn_for_each_clip_that_is_neither_the_true_one_nor_its_reverse() -> None:
    torch.manual_seed(0)
    true, wrong = Shuffled(3).frames(3, clips=64).unbind(1)
    assert set(letters(true)) == {"abc"}
    orders = {"".join(each) for each in permutations("abc")}
    assert set(letters(wrong)) == orders - {"abc", "cba"}


def test_the_same_seed_draws_the_same_orders() -> None:
    drawn = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        drawn.append(letters(Shuffled(4).frames(4, clips=16)[:, 1]))
    assert drawn[0] == drawn[1] != drawn[2]


def test_longer_pieces_move_whole() -> None:
    torch.manual_seed(0)
    wrong = letters(Shuffled(3).frames(6, clips=16)[:, 1])
    assert set(wrong) == {"abefcd", "cdabef", "cdefab", "efabcd"}


@pytest.mark.parametrize(("pieces", "versions"), [(3, 3), (4, 12), (5, 60)])
def test_every_order_or_its_reverse_is_a_version_once(pieces: int, versions: int) -> None:
    change = Sorted(pieces)
    made = letters(change.frames(pieces, clips=2)[0])
    assert len(made) == len(change.versions) == versions
    both = [*made, *(each[::-1] for each in made)]
    assert sorted(both) == sorted("".join(each) for each in permutations("abcde"[:pieces]))


def test_versions_are_named_by_their_order() -> None:
    change = Sorted(3)
    assert dict(zip(change.versions, letters(change.frames(6, clips=1)[0]), strict=True)) == {
        "1 2 3": "abcdef",
        "1 3 2": "abefcd",
        "2 1 3": "cdabef",
    }


def test_speeds_are_shown_about_the_same_middle() -> None:
    change = Sped((1, 2, 4))
    assert change.span(3) == 9
    assert letters(change.frames(3, clips=2)[0]) == ["def", "ceg", "aei"]


@pytest.mark.parametrize("shown", [2, 3, 4, 7])
@pytest.mark.parametrize("speeds", [(1, 2), (1, 3), (1, 2, 4, 8)])
def test_each_speed_takes_every_kth_frame_of_the_clip(shown: int, speeds: tuple[int, ...]) -> None:
    change = Sped(speeds)
    (versions,) = change.frames(shown, clips=1).tolist()
    last = change.span(shown) - 1
    for numbers, speed in zip(versions, speeds, strict=True):
        assert numbers == list(range(numbers[0], numbers[0] + speed * shown, speed))
        assert min(numbers) >= 0
        assert max(numbers) <= last
        assert 0 <= last - (numbers[0] + numbers[-1]) <= 1  # half a frame off the middle at most
    assert versions[-1][0] == 0
    assert versions[-1][-1] == last


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Shuffled(2), "pieces of Shuffled are 2; expected 3 to 5"),
        (lambda: Sorted(6), "pieces of Sorted are 6; expected 3 to 5"),
        (lambda: Shuffled(3).span(4), "Shuffled cuts 4 frames into 3 pieces; expected a multiple"),
        (lambda: Sped((1,)), r"speeds are \[1\]; expected two or more"),
        (lambda: Sped((2, 4)), "whole numbers that rise from 1"),
        (lambda: Sped((1, 4, 2)), "whole numbers that rise from 1"),
        (lambda: Sped((1, 2, 2)), "whole numbers that rise from 1"),
        (lambda: Sped(json.loads("[1, 1.5]")), "whole numbers that rise from 1"),
    ],
)
def test_what_cannot_be_made_is_refused(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_only_reversed_time_depends_on_its_direction() -> None:
    changes = [Reversed(), Shuffled(3), Sorted(3), Sped((1, 2))]
    assert [change.directed for change in changes] == [True, False, False, False]


def test_a_change_is_built_again_from_its_description() -> None:
    again = build(describe(Sped((1, 3))))
    assert isinstance(again, Sped)
    assert again.speeds == (1, 3)
