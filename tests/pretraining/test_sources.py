from pathlib import Path
from typing import Any

import pytest
import torch

from selfvid.data.clips.sampling import RandomClips
from selfvid.data.digits.stream import DigitStream
from selfvid.encoders.base import load_encoder
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.vectors import FlatFrames
from selfvid.errors import InputError
from selfvid.objectives.lstm_autoencoder import LSTMAutoencoder, OwnFrames
from selfvid.objectives.predictive import load_predictive
from selfvid.pretraining.command import pretrain
from selfvid.pretraining.sources import GeneratedSource
from selfvid.training.batches import BatchStream
from selfvid.training.checkpoints import saved, step_of
from selfvid.training.schedule import Training

DIGITS = DigitStream(frames=6, digits=1, canvas=32)
CPU = torch.device("cpu")


def run_on_digits(out: Path, **more: Any) -> Path:
    torch.manual_seed(0)
    encoder = LSTMEncoder(FlatFrames((32, 32)), hidden=8)
    objective = LSTMAutoencoder(
        encoder, future=2, conditional_future=True, own=OwnFrames(share=0.5, ramp=3)
    )
    training = Training(steps=4, batch=4, warmup=0, checkpoint_every=2, preview_every=4)
    return pretrain(
        more.pop("data", DIGITS),
        out,
        objective=objective,
        training=training,
        precision="float32",
        **more,
    )


def test_a_run_on_generated_digits_says_so_and_keeps_its_decoders(tmp_path: Path) -> None:
    run = run_on_digits(tmp_path / "run")
    past = load_encoder(run).provenance
    assert past.generated == "bouncing digits made on the spot, train glyphs of sklearn"
    assert past.footage == ()
    assert (past.size, past.frames) == ((32, 32), 4)
    assert load_predictive(run).future == 2
    assert list((run / "pictures").glob("forecast-*.png"))


def test_a_run_on_generated_digits_resumes_to_the_same_weights(tmp_path: Path) -> None:
    whole = run_on_digits(tmp_path / "whole")
    cut = run_on_digits(tmp_path / "cut")
    for path in saved(cut / "checkpoints"):
        if step_of(path) > 2:
            path.unlink()
    for path in (cut / "encoder").iterdir():
        path.unlink()
    (cut / "encoder").rmdir()
    run_on_digits(cut, resume=True)
    expected, got = (load_predictive(run).state_dict() for run in (whole, cut))
    assert int(expected["updates"]) == 4
    assert all(torch.equal(expected[name], got[name]) for name in expected)


def test_processes_make_different_sequences_and_resume_where_they_stood() -> None:
    source = GeneratedSource(DIGITS)

    def frames(rank: int, done: int = 0) -> list[torch.Tensor]:
        stream = BatchStream(4, per_batch=4, total=3, seed=0)
        stream.share_out(rank, 2)
        stream.done = done
        return [batch.frames for batch in source.batches(stream, CPU)]

    first, second = frames(0), frames(1)
    assert [len(batch) for batch in first] == [2, 2, 2]
    drawn = [*first, *second]
    assert all(
        not torch.equal(one, other) for at, one in enumerate(drawn) for other in drawn[at + 1 :]
    )
    assert torch.equal(frames(1, done=2)[0], second[2])


def test_a_sample_is_several_clips_of_each_sequence() -> None:
    sample = GeneratedSource(DIGITS).sample()
    assert sample.frames.shape[1:] == (6, 3, 32, 32)
    assert len(set(sample.videos)) * 4 == len(sample)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"clips": RandomClips(frames=6)}, "clips is .* but the digits are made on the spot"),
        ({"split": "train"}, "split is train but the digits are made on the spot"),
        ({"workers": 2}, "workers is 2 but the digits are made on the spot"),
        ({"size": 64}, r"size is \[64, 64\] but the digits' canvas is 32"),
        ({"data": DigitStream(frames=2, canvas=32)}, "clips of 2 frames are too short"),
        ({"data": DigitStream(frames=6, canvas=64)}, "FlatFrames expected"),
    ],
)
def test_what_has_no_meaning_for_generated_digits_is_refused(
    tmp_path: Path, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        run_on_digits(tmp_path / "run", **wrong)
    assert not (tmp_path / "run").exists()
