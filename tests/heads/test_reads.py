import pytest
import torch

from selfvid.features.store import features_of, tensors_of
from selfvid.heads.average import Average
from selfvid.heads.base import Head
from selfvid.heads.gru_rcn import GRURCN
from selfvid.heads.lrcn import LRCN
from tests.heads.features import CLASSES, WIDTHS, features

HEADS: dict[str, Head] = {
    "average": Average(WIDTHS, CLASSES),
    "lrcn": LRCN(WIDTHS, CLASSES, hidden=5),
    "gru-rcn": GRURCN(WIDTHS, CLASSES),
    "gru-rcn of one level": GRURCN(WIDTHS, CLASSES, levels=[1], vector=False),
    "gru-rcn of the first level": GRURCN(WIDTHS, CLASSES, levels=[0], stacked=True),
}
READ = {
    "average": {"clip", "steps"},
    "lrcn": {"clip", "steps"},
    "gru-rcn": {"clip", "steps", "maps.0", "maps.1"},
    "gru-rcn of one level": {"clip", "maps.1"},
    "gru-rcn of the first level": {"clip", "steps", "maps.0"},
}


@pytest.mark.parametrize("name", HEADS)
def test_a_head_says_the_same_of_what_it_reads_alone(name: str) -> None:
    head, whole = HEADS[name].eval(), features()
    kept = tensors_of(head.reads(whole))
    assert set(kept) == READ[name]
    again = features_of(kept, window=1, stride=1)
    torch.testing.assert_close(head(again).probabilities, head(whole).probabilities)
