import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.clips.sampling import RandomClips
from selfvid.encoders.base import load_encoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput
from selfvid.errors import InputError
from selfvid.objectives.predictive import load_predictive
from selfvid.objectives.temporal_coherence import TemporalCoherence
from selfvid.training.checkpoints import saved, step_of
from tests.pretraining.runs import (
    DIGITS,
    forget_beyond,
    losses,
    run_on_digits,
    tiny_objective,
    tiny_run,
    weights,
)

pytestmark = pytest.mark.slow


def test_a_run_leaves_everything_a_person_needs(digits_manifest: Path, tmp_path: Path) -> None:
    run = tiny_run(digits_manifest, tmp_path / "run")
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    assert recipe["objective"]["class_path"].endswith("TemporalCoherence")
    assert recipe["training"]["steps"] == 6
    assert "# torch: " in (run / "recipe.yaml").read_text()
    summary = json.loads((run / "summary.json").read_text())
    assert summary["clips"] == 6 * 8
    assert summary["videos"] == 32
    steps = [json.loads(line)["step"] for line in (run / "history.jsonl").read_text().splitlines()]
    assert steps[0] == 0
    assert steps[-1] == 6
    assert list((run / "tensorboard").glob("events*"))
    assert list((run / "pictures").glob("neighbours-*.png"))
    encoder = load_encoder(run)
    assert encoder.provenance.size == (32, 32)
    assert len(encoder.provenance.footage) == 32
    start = load_encoder(run / "encoder_at_start").provenance
    assert (start.size, start.frames, start.footage) == ((32, 32), encoder.provenance.frames, ())


def test_training_moves_the_weights_and_keeps_the_start(
    digits_manifest: Path, tmp_path: Path
) -> None:
    run = tiny_run(digits_manifest, tmp_path / "run")
    before, after = weights(run, "encoder_at_start"), weights(run)
    drawn = tiny_objective().encoder.state_dict()
    assert all(torch.equal(before[name], drawn[name]) for name in drawn)
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("changed", [{}, {"accumulate": 2}, {"average": 0.9}])
def test_a_run_resumed_from_a_checkpoint_ends_with_the_same_weights_to_the_bit(
    digits_manifest: Path, tmp_path: Path, changed: dict[str, Any]
) -> None:
    whole = tiny_run(digits_manifest, tmp_path / "whole", plan=changed)
    cut = tiny_run(digits_manifest, tmp_path / "cut", plan=changed)
    forget_beyond(cut, 4)
    assert [step_of(path) for path in saved(cut / "checkpoints")] == [4]
    resumed = tiny_run(digits_manifest, cut, plan=changed, resume=True)
    expected, got = weights(whole), weights(resumed)
    assert all(torch.equal(expected[name], got[name]) for name in expected)
    assert losses(whole) == losses(resumed)


LONGER = {"steps": 150, "checkpoint_every": 10, "preview_every": 1000}


@pytest.mark.slow
def test_a_run_killed_in_the_middle_resumes_to_the_same_weights_to_the_bit(
    digits_manifest: Path, tmp_path: Path
) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.pretraining.runs import tiny_run\n"
        "if __name__ == '__main__':\n"
        f"    tiny_run(Path(sys.argv[1]), Path(sys.argv[2]), plan={LONGER}, workers=1)\n"
    )
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    command = [sys.executable, str(script), str(digits_manifest), str(cut)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}) as run:
        deadline = time.monotonic() + 120
        while not saved(cut / "checkpoints") and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.1)
        assert run.poll() is None, "the run ended before it could be killed"
        run.kill()
    reached = step_of(saved(cut / "checkpoints")[0])
    assert 0 < reached < 150
    tiny_run(digits_manifest, cut, plan=LONGER, workers=1, resume=True)
    tiny_run(digits_manifest, whole, plan=LONGER, workers=0)
    expected, got = weights(whole), weights(cut)
    assert all(torch.equal(expected[name], got[name]) for name in expected)


def test_a_run_stopped_after_its_last_step_is_finished_with_nothing_lost(
    digits_manifest: Path, tmp_path: Path
) -> None:
    run = tiny_run(digits_manifest, tmp_path / "run")
    before = json.loads((run / "summary.json").read_text())
    (run / "finished.txt").unlink()  # killed just before
    tiny_run(digits_manifest, run, resume=True)
    assert json.loads((run / "summary.json").read_text()) == before
    (run / "finished.txt").unlink()
    (run / "summary.json").unlink()
    tiny_run(digits_manifest, run, resume=True)
    after = json.loads((run / "summary.json").read_text())
    for name in ("words", "collapse", "losses", "steps"):
        assert after[name] == before[name]


def test_averaged_weights_are_what_is_exported_and_it_says_so(
    digits_manifest: Path, tmp_path: Path
) -> None:
    plain = tiny_run(digits_manifest, tmp_path / "plain")
    averaged = tiny_run(digits_manifest, tmp_path / "averaged", plan={"average": 0.99})
    start, last, mean = weights(plain, "encoder_at_start"), weights(plain), weights(averaged)
    name = next(name for name in start if not torch.equal(start[name], last[name]))
    # Six steps at decay 0.99 leave the average much nearer to the start than to the end.
    assert torch.dist(mean[name], start[name]) < torch.dist(mean[name], last[name])
    assert "moving average" in load_encoder(averaged).provenance.notes[0]
    assert "moving average" in json.loads((averaged / "summary.json").read_text())["words"][0]


def test_a_corrupt_video_is_replaced_counted_and_named(
    digits_manifest: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = copy_of(digits_manifest, tmp_path)
    victim = sorted((manifest.parent / "videos").rglob("*.mp4"))[3]
    victim.write_bytes(b"no video any more" * 50)
    run = tiny_run(manifest, tmp_path / "run", faults=FaultPolicy(share=0.5))
    assert victim.name in caplog.text
    assert json.loads((run / "summary.json").read_text())["faults"] > 0


def test_too_many_corrupt_videos_stop_the_run(digits_manifest: Path, tmp_path: Path) -> None:
    manifest = copy_of(digits_manifest, tmp_path)
    for victim in sorted((manifest.parent / "videos").rglob("*.mp4"))[:16]:
        victim.write_bytes(b"no video any more" * 50)
    with pytest.raises(InputError, match="could not be read"):
        tiny_run(manifest, tmp_path / "run", faults=FaultPolicy(share=0.05, least=2))


def copy_of(manifest: Path, folder: Path) -> Path:
    """The footage under another roof, so that it can be spoilt."""
    shutil.copytree(manifest.parent, folder / "copy")
    return folder / "copy" / manifest.name


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"workers": -1}, "workers is -1; expected 0 or more"),
        ({"size": 1}, r"size \[1, 1\] does not fit the encoder"),
        ({"seed": -5}, "seed must be 0 or more, got -5"),
        ({"plan": {"batch": 1}}, "too small for TemporalCoherence; expected at least 2 clips"),
        ({"plan": {"devices": 3}}, "8 videos in a batch cannot be shared by 3 devices"),
        ({"device": "mps"}, "device 'mps' is not on this machine"),
        ({"clips": RandomClips(frames=2, stride=99)}, "is longer than every video; expected one"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    digits_manifest: Path, tmp_path: Path, wrong: dict[str, Any], message: str
) -> None:
    if "mps" in message and torch.backends.mps.is_available():
        pytest.skip("there is such a device")
    with pytest.raises(InputError, match=message):
        tiny_run(digits_manifest, tmp_path / "run", **wrong)
    assert not (tmp_path / "run").exists()


def test_differences_of_frames_need_one_frame_more(digits_manifest: Path, tmp_path: Path) -> None:
    moving = FrameEncoder(SmallNet(channels=1, stages=(8,)), input=DifferenceInput("grey"))
    with pytest.raises(InputError, match=r"clips of 2 frames are too short.*at least 3"):
        tiny_run(digits_manifest, tmp_path / "run", objective=TemporalCoherence(moving))


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_process_group_saves_first(
    digits_manifest: Path, tmp_path: Path, sign: signal.Signals
) -> None:
    out = tmp_path / "run"
    words = ["pretrain", "--config", "vicreg", "--data", str(digits_manifest), "--out", str(out)]
    small = ["--size", "32", "--workers", "2", "--training.batch", "8"]
    command = [sys.executable, "-m", "selfvid", *words, *small, "--training.checkpoint_every", "2"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, cwd=root, start_new_session=True, stderr=subprocess.PIPE, text=True
    ) as run:
        deadline = time.monotonic() + 120
        while not saved(out / "checkpoints") and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(run.pid, sign)
        _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert said.splitlines()[-1].startswith(f"selfvid: stopped by {sign.name} and saved in")


def test_clips_too_short_for_the_objective_are_refused(
    digits_manifest: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="clips of 1 frames are too short"):
        tiny_run(digits_manifest, tmp_path / "run", clips=RandomClips(frames=1))


def test_a_clip_longer_than_every_video_is_refused(digits_manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the longest has 8 frames"):
        tiny_run(digits_manifest, tmp_path / "run", clips=RandomClips(frames=99, short="skip"))
    assert not (tmp_path / "run").exists()


def test_a_run_on_generated_digits_says_so_and_keeps_its_decoders(tmp_path: Path) -> None:
    run = run_on_digits(tmp_path / "run")
    past = load_encoder(run).provenance
    assert (
        past.generated == "bouncing digits generated during training from train glyphs of sklearn"
    )
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
    (cut / "finished.txt").unlink()
    run_on_digits(cut, resume=True)
    expected, got = (load_predictive(run).state_dict() for run in (whole, cut))
    assert int(expected["updates"]) == 4
    assert all(torch.equal(expected[name], got[name]) for name in expected)


@pytest.mark.gpu
@pytest.mark.parametrize("own_frames", [True, False])
def test_a_run_on_a_gpu_is_resumed_and_its_encoder_works_without_one(
    own_frames: bool, digits_manifest: Path, tmp_path: Path
) -> None:
    more: dict[str, Any] = {"device": "cuda"}
    if own_frames:
        more["data"] = DIGITS

    def run(out: Path, **further: Any) -> Path:
        if own_frames:
            return run_on_digits(out, **more, **further)
        return tiny_run(digits_manifest, out, **more, **further)

    whole, cut = run(tmp_path / "whole"), run(tmp_path / "cut")
    forget_beyond(cut, 2)
    run(cut, resume=True)
    assert json.loads((whole / "summary.json").read_text())["device"] == "cuda"
    clip = torch.randint(0, 256, (2, 4, 3, 32, 32), dtype=torch.uint8)
    ours, wanted = (load_encoder(folder).eval()(clip).clip for folder in (cut, whole))
    torch.testing.assert_close(ours, wanted, rtol=1e-2, atol=1e-3)
