import pytest

from selfvid.reports.sections import Table, count, ends, listed, percent, signed, span


def test_shares_are_percentages_and_unknown_ones_a_dash() -> None:
    assert percent(0.8604) == "86.0 %"
    assert percent(None) == "–"
    assert ends({"low": 0.5, "high": 0.625}) == "[50.0, 62.5]"
    assert ends({"low": None, "high": None}) == "–"
    assert signed({"low": -0.01, "mean": 0.02, "high": 0.05}) == "+2.0 [-1.0, 5.0]"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (7500, "2 h 5 min")],
)
def test_spans_are_said_as_a_person_would(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_counts_agree_with_their_noun() -> None:
    assert [count(n, "epoch") for n in (1, 12.5, 1200)] == [
        "1 epoch",
        "12.5 epochs",
        "1,200 epochs",
    ]


def test_lists_read_as_shapes() -> None:
    assert listed(["B", "T", 3]) == "B × T × 3"
    assert listed("abc") == "abc"


def test_ragged_table_is_refused() -> None:
    with pytest.raises(ValueError, match="every row must have 2 cells"):
        Table(head=("a", "b"), rows=(("1",),))
