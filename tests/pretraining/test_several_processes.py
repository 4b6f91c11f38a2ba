import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from selfvid.errors import InputError
from selfvid.training.batches import BatchStream
from tests.pretraining.runs import tiny_run

SCRIPT = """
import sys
from pathlib import Path
from tests.pretraining.runs import tiny_run

if __name__ == "__main__":
    plan = {"devices": 2, "accumulate": int(sys.argv[3])}
    tiny_run(Path(sys.argv[1]), Path(sys.argv[2]), plan=plan, augment=None, device="cpu")
"""


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_processes_have_the_loss_of_one_with_both_batches(
    digits_manifest: Path, tmp_path: Path, accumulate: int
) -> None:
    root = Path(__file__).parents[2]
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    two = tmp_path / "two"
    done = subprocess.run(
        [sys.executable, str(script), str(digits_manifest), str(two), str(accumulate)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    one = tiny_run(digits_manifest, tmp_path / "one", augment=None, plan={"accumulate": accumulate})
    assert final_loss(two) == pytest.approx(final_loss(one), rel=1e-4)


def final_loss(run: Path) -> float:
    lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    return float([line["loss"] for line in lines if "loss" in line][-1])


def test_processes_share_every_batch_without_gap_or_overlap() -> None:
    whole = BatchStream(10, per_batch=6, total=5, seed=3)
    parts = [BatchStream(10, per_batch=6, total=5, seed=3) for _ in range(3)]
    for rank, part in enumerate(parts):
        part.share_out(rank, 3)
    for number in range(5):
        joined = [key for part in parts for key in part.batch(number)]
        assert joined == whole.batch(number)


def test_every_epoch_shows_every_video_once() -> None:
    stream = BatchStream(10, per_batch=4, total=5, seed=0)
    keys = [key for batch in stream for key in batch]
    for epoch in (0, 1):
        shown = sorted(key.index for key in keys if key.epoch == epoch)
        assert shown == list(range(10))
    first = [key.index for key in keys if key.epoch == 0]
    second = [key.index for key in keys if key.epoch == 1]
    assert first != second


def test_a_stream_goes_on_behind_the_batches_that_are_done() -> None:
    whole = list(BatchStream(7, per_batch=3, total=6, seed=1))
    resumed = BatchStream(7, per_batch=3, total=6, seed=1)
    resumed.done = 4
    assert list(resumed) == whole[4:]
    assert len(resumed) == 6


def test_a_batch_that_cannot_be_shared_evenly_is_refused() -> None:
    with pytest.raises(InputError, match="5 videos in a batch cannot be shared by 2 processes"):
        BatchStream(7, per_batch=5, total=1, seed=0).share_out(0, 2)
