from selfvid.results.tables import aligned


def test_the_first_column_is_aligned_left_and_the_others_right() -> None:
    assert aligned([["a", "100.0", "x"], ["long name", "5.0", "yy"]]) == (
        "a          100.0   x\nlong name    5.0  yy"
    )


def test_lines_have_no_blanks_at_their_end() -> None:
    assert aligned([["name", "figure"], ["b", ""]]).splitlines()[1] == "b"
