from __future__ import annotations

import pytest

from selfvid.data.manifest import decoding
from selfvid.data.manifest.decoding import Decoding, decoding_of
from selfvid.data.manifest.rows import Row
from selfvid.data.video.reader import DecoderName

ROW = Row(path="a.mp4", frames=7, decoder="pyav", verified=True, damaged_frames="2-3")
IN_ORDER = Row(path="a.mpg", frames=7, decoder="sequential", verified=True)


@pytest.mark.parametrize(
    ("row", "given", "expected"),
    [
        (ROW, "auto", Decoding("pyav", 7, "2-3")),
        (ROW, "pyav", Decoding("pyav", 7, "2-3")),
        (ROW, "decord", Decoding("decord")),
        (IN_ORDER, "auto", Decoding("sequential", 7)),
        (IN_ORDER, "pyav", Decoding("sequential", 7)),
        (Row(path="a.mp4", frames=7, decoder="decord"), "auto", Decoding("auto")),
        (Row(path="a", frames=7, decoder="images", verified=True), "auto", Decoding("auto")),
    ],
)
def test_what_indexing_decided_is_not_decided_again(
    row: Row, given: DecoderName, expected: Decoding
) -> None:
    assert decoding_of(row, given) == expected


def test_a_decoder_that_is_not_installed_here_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "decoder_versions", lambda: {"pyav": "18"})
    row = Row(path="a.mp4", frames=7, decoder="decord", verified=True)
    assert decoding_of(row, "auto") == Decoding("auto")
