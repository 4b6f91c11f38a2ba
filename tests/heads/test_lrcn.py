import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from selfvid.backbones.small import SmallNet
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.vectors import FlatFrames, Percepts
from selfvid.errors import InputError
from selfvid.heads.base import Head
from selfvid.heads.lrcn import LRCN
from selfvid.saving.modules import load_module, save_module
from selfvid.types import Features, Widths
from tests.heads.features import CLASSES, WIDTHS, features
from tests.heads.kinds import made


def test_lrcn_carries_its_state_on() -> None:
    head = made("lrcn of two layers").eval()
    whole = features()
    assert whole.steps is not None
    first = Features(whole.clip, whole.steps[:, :2])
    second = Features(whole.clip, whole.steps[:, 2:])
    before = head(first)
    after = head(second, before.state)
    torch.testing.assert_close(
        torch.cat((before.votes, after.votes), 1), head(whole).votes, rtol=1e-5, atol=1e-6
    )


def test_lrcn_is_pytorchs_lstm_with_votes() -> None:
    head = LRCN(WIDTHS, CLASSES, hidden=7, bound=None).eval()
    lstm = torch.nn.LSTM(6, 7, batch_first=True)
    own = {name.rpartition(".")[2]: value for name, value in head.lstm.state_dict().items()}
    weights = {
        "weight_ih_l0": own["input_weight"],
        "weight_hh_l0": own["recurrent_weight"],
        "bias_ih_l0": own["bias"],
        "bias_hh_l0": torch.zeros_like(own["bias"]),
    }
    lstm.load_state_dict(weights)
    whole = features()
    outputs, _ = lstm(whole.steps)
    torch.testing.assert_close(head(whole).votes, head.last(outputs))


def pretrained(folder: Path, *, hidden: int = 5) -> LSTMEncoder:
    torch.manual_seed(3)
    frames = FrameEncoder(SmallNet(channels=1, stages=(6,), norm="none"))
    encoder = LSTMEncoder(Percepts(frames), hidden=hidden, layers=2)
    encoder.save(folder)
    return encoder


def test_a_head_starts_with_the_weights_of_a_pretrained_lstm(tmp_path: Path) -> None:
    encoder = pretrained(tmp_path / "encoder").eval()
    head = LRCN(WIDTHS, CLASSES, hidden=5, layers=2, start=tmp_path).eval()
    steps = torch.randn(2, 4, 6)
    wanted, _ = encoder.run(steps)
    outputs, _ = head.lstm(steps)
    torch.testing.assert_close(outputs, wanted)
    assert any("peepholes" in name for name in head.lstm.state_dict()) == encoder.peepholes


def test_a_saved_head_needs_the_run_that_it_started_from_no_more(tmp_path: Path) -> None:
    pretrained(tmp_path / "encoder")
    head = LRCN(WIDTHS, CLASSES, hidden=5, layers=2, start=tmp_path)
    folder = save_module(head, tmp_path / "head", kind="head")
    shutil.rmtree(tmp_path / "encoder")
    loaded = load_module(folder, kind="head", expected=LRCN)
    assert all(map(torch.equal, loaded.state_dict().values(), head.state_dict().values()))


def test_an_lstm_pretrained_on_squashed_percepts_reads_such_here_too(tmp_path: Path) -> None:
    torch.manual_seed(3)
    frames = FrameEncoder(SmallNet(channels=1, stages=(6,), norm="none"))
    encoder = LSTMEncoder(Percepts(frames, squash=2.0), hidden=5).eval()
    encoder.save(tmp_path / "encoder")
    head = LRCN(WIDTHS, CLASSES, hidden=5, start=tmp_path).eval()
    clip = torch.randint(256, (2, 4, 3, 8, 8), dtype=torch.uint8)
    steps = frames.eval()(clip).need_steps("a test")
    wanted = head.last(encoder(clip).need_steps("a test"))
    said = Features(clip=steps.mean(1), steps=steps)
    torch.testing.assert_close(head(said).votes, wanted)
    folder = save_module(head, tmp_path / "head", kind="head")
    loaded = load_module(folder, kind="head", expected=LRCN)
    torch.testing.assert_close(loaded(said).votes, wanted)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"squash": 1.0}, "squash is 1.0, and the LSTM in start .* was pretrained with 2.0"),
        ({"peepholes": False}, "peepholes is False, .* was pretrained with True; expected the"),
    ],
)
def test_a_pretrained_lstm_is_not_read_in_another_way(
    given: dict[str, float], words: str, tmp_path: Path
) -> None:
    frames = FrameEncoder(SmallNet(channels=1, stages=(6,), norm="none"))
    LSTMEncoder(Percepts(frames, squash=2.0), hidden=5).save(tmp_path / "encoder")
    LRCN(WIDTHS, CLASSES, hidden=5, start=tmp_path, squash=2.0, peepholes=True)
    with pytest.raises(InputError, match=words):
        LRCN(WIDTHS, CLASSES, hidden=5, start=tmp_path, **given)  # type: ignore[arg-type]


def test_an_lstm_that_was_pretrained_on_pixels_is_refused(tmp_path: Path) -> None:
    LSTMEncoder(FlatFrames((2, 3)), hidden=5).save(tmp_path / "encoder")
    with pytest.raises(InputError, match="read FlatFrames, and LRCN reads vectors of a network"):
        LRCN(WIDTHS, CLASSES, hidden=5, start=tmp_path)


def test_a_pretrained_lstm_of_other_sizes_is_refused(tmp_path: Path) -> None:
    pretrained(tmp_path / "encoder", hidden=4)
    with pytest.raises(InputError, match=r"\(6, 4, 2\); expected \(6, 5, 2\)") as raised:
        LRCN(WIDTHS, CLASSES, hidden=5, layers=2, start=tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: LRCN(Widths(clip=6), 3), "LRCN needs step vectors"),
        (lambda: LRCN(WIDTHS, 3, dropout_before=-0.1), "dropout_before is -0.1"),
        (lambda: LRCN(WIDTHS, 3, start="nowhere"), "'nowhere' holds no encoder"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(make: Callable[[], Head], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as raised:
        make()
    assert "\n" not in str(raised.value)


def test_the_lstm_reads_vectors_of_which_a_share_was_dropped() -> None:
    torch.manual_seed(0)
    widths = Widths(clip=200, steps=200)
    head = LRCN(widths, 3, hidden=4, dropout_before=0.75, dropout_after=0.0).train()
    read: list[torch.Tensor] = []
    head.lstm.register_forward_hook(lambda _, given, __: read.append(given[0]))
    steps = torch.rand(4, 10, 200) + 1
    head(Features(clip=steps.mean(1), steps=steps))
    dropped = read[0] == 0
    assert abs(float(dropped.float().mean()) - 0.75) < 0.02
    torch.testing.assert_close(read[0][~dropped], 4 * steps[~dropped])
    head.eval()(Features(clip=steps.mean(1), steps=steps))
    assert torch.equal(read[1], steps)


def test_the_last_layer_reads_outputs_of_which_a_share_was_dropped() -> None:
    torch.manual_seed(0)
    widths = Widths(clip=8, steps=8)
    head = LRCN(widths, 3, hidden=200, dropout_before=0.0, dropout_after=0.75, bound=None).train()
    outputs: list[torch.Tensor] = []
    head.lstm.register_forward_hook(lambda _, __, made: outputs.append(made[0]))
    head.last.register_forward_hook(lambda _, given, __: outputs.append(given[0]))
    steps = torch.randn(4, 10, 8)
    head(Features(clip=steps.mean(1), steps=steps))
    made, read = outputs
    dropped = read == 0
    assert abs(float(dropped.float().mean()) - 0.75) < 0.02
    torch.testing.assert_close(read[~dropped], 4 * made[~dropped])
