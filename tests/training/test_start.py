import json
from pathlib import Path
from typing import Any

import pytest
import torch

from selfvid.errors import InputError
from selfvid.training import start as start_module
from selfvid.training.run_folder import RunFolder
from selfvid.training.start import resume_point, start_or_resume
from tests.pretraining.runs import forget_beyond, tiny_run, weights

pytestmark = pytest.mark.slow

RECIPE: dict[str, Any] = {"out": "run", "training": {"steps": 40}, "seed": 0}


def begun(
    folder: Path, *, checkpoints: tuple[int, ...] = (), lines: tuple[int, ...] = ()
) -> RunFolder:
    """A run that was started, with checkpoints and lines of history at these steps."""
    run = RunFolder(folder)
    start_or_resume(run, RECIPE, resume=False)
    for step in checkpoints:
        torch.save({"step": step}, run.checkpoints / f"step-{step:08d}.ckpt")
    run.history.write_text("".join(json.dumps({"step": step}) + "\n" for step in lines))
    return run


def steps(run: RunFolder) -> list[int]:
    return [json.loads(line)["step"] for line in run.history.read_text().splitlines()]


def test_a_new_run_has_its_folders_and_its_recipe(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "runs" / "first")
    start_or_resume(run, RECIPE, resume=False)
    assert run.read_recipe() == RECIPE
    assert resume_point(run) is None
    assert run.checkpoints.is_dir()
    assert run.pictures.is_dir()


def test_a_folder_that_was_left_before_its_recipe_is_begun_again(tmp_path: Path) -> None:
    start_or_resume(RunFolder(tmp_path / "run"), RECIPE, resume=False)
    run = RunFolder(tmp_path / "run")
    run.recipe.unlink()
    (run.path / ".manifests.here.7.draft.json").write_text("{")
    start_or_resume(RunFolder(tmp_path / "run"), RECIPE, resume=False)
    assert run.read_recipe() == RECIPE
    run.recipe.rename(run.path / "notes.txt")
    with pytest.raises(InputError, match="exists; expected a new one"):
        start_or_resume(run, RECIPE, resume=False)


def test_a_started_run_is_resumed_and_not_started_again(tmp_path: Path) -> None:
    run = begun(tmp_path / "run")
    written = run.recipe.read_text()
    with pytest.raises(InputError, match="exists; expected a new one, or --resume"):
        start_or_resume(run, RECIPE, resume=False)
    start_or_resume(run, RECIPE | {"out": "moved"}, resume=True)
    assert run.recipe.read_text() == written
    with pytest.raises(InputError, match=r"seed of the run in .* was 0, got 1"):
        start_or_resume(run, RECIPE | {"seed": 1}, resume=True)


def test_a_folder_without_a_run_is_not_resumed_and_not_created(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no run to resume; expected recipe.yaml"):
        start_or_resume(RunFolder(tmp_path / "none"), RECIPE, resume=True)
    assert not (tmp_path / "none").exists()


def test_the_history_is_cut_at_the_checkpoint_so_that_no_step_stands_twice(tmp_path: Path) -> None:
    run = begun(tmp_path / "run", checkpoints=(15, 30), lines=(10, 20, 30, 40))
    assert resume_point(run) == run.checkpoints / "step-00000030.ckpt"
    assert steps(run) == [10, 20, 30]
    with run.history.open("a") as history:
        history.write(json.dumps({"step": 40}) + "\n")
    assert steps(run) == [10, 20, 30, 40]


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_its_history_anew(
    tmp_path: Path,
) -> None:
    run = begun(tmp_path / "run", lines=(0, 10))
    assert resume_point(run) is None
    assert steps(run) == []


def test_a_line_that_was_half_written_is_removed(tmp_path: Path) -> None:
    run = begun(tmp_path / "run", checkpoints=(30,), lines=(10, 20))
    with run.history.open("a") as history:
        history.write('{"step": 2')
    resume_point(run)
    assert steps(run) == [10, 20]


def test_the_history_is_cut_at_the_checkpoint_before_a_damaged_one(tmp_path: Path) -> None:
    run = begun(tmp_path / "run", checkpoints=(10, 30), lines=(10, 20, 30))
    (run.checkpoints / "step-00000030.ckpt").write_bytes(b"damaged")
    assert resume_point(run) == run.checkpoints / "step-00000010.ckpt"
    assert steps(run) == [10]


def test_several_updates_that_make_a_step_are_counted_as_one(tmp_path: Path) -> None:
    # Checkpoints count updates of the optimiser, the history counts steps of three updates.
    run = begun(tmp_path / "run", checkpoints=(60,), lines=(10, 20, 30))
    resume_point(run, updates=3)
    assert steps(run) == [10, 20]


def test_a_fold_that_was_not_begun_gets_its_folders(tmp_path: Path) -> None:
    fold = RunFolder(begun(tmp_path / "run").fold(2))
    assert resume_point(fold) is None
    assert fold.checkpoints.is_dir()
    assert fold.pictures.is_dir()


def test_only_the_first_process_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_module, "is_first_process", lambda: False)
    start_or_resume(RunFolder(tmp_path / "run"), RECIPE, resume=False)
    assert not (tmp_path / "run").exists()
    monkeypatch.undo()
    run = begun(tmp_path / "run", checkpoints=(10,), lines=(10, 20))
    monkeypatch.setattr(start_module, "is_first_process", lambda: False)
    assert resume_point(run) == run.checkpoints / "step-00000010.ckpt"
    assert steps(run) == [10, 20]


def test_a_run_killed_behind_its_last_step_is_only_finished(
    digits_manifest: Path, tmp_path: Path
) -> None:
    run = tiny_run(digits_manifest, tmp_path / "run")
    expected = weights(run)
    forget_beyond(run, 6)
    resumed = tiny_run(digits_manifest, run, resume=True)
    got = weights(resumed)
    assert all(torch.equal(expected[name], got[name]) for name in expected)


def test_an_existing_folder_is_never_written_to(digits_manifest: Path, tmp_path: Path) -> None:
    mine = tmp_path / "run" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(InputError, match="exists; expected a new one"):
        tiny_run(digits_manifest, tmp_path / "run")
    assert [path.name for path in mine.parent.iterdir()] == ["mine.txt"]


def test_resuming_with_another_recipe_names_what_differs(
    digits_manifest: Path, tmp_path: Path
) -> None:
    run = tiny_run(digits_manifest, tmp_path / "run")
    forget_beyond(run, 6)
    with pytest.raises(InputError, match="training of the run"):
        tiny_run(digits_manifest, run, plan={"steps": 7}, resume=True)


def test_a_run_that_was_moved_resumes_with_other_workers(
    digits_manifest: Path, tmp_path: Path
) -> None:
    run = tiny_run(digits_manifest, tmp_path / "run")
    expected = weights(run)
    forget_beyond(run, 4)
    moved = run.rename(tmp_path / "moved")
    got = weights(tiny_run(digits_manifest, moved, workers=1, resume=True))
    assert all(torch.equal(expected[name], got[name]) for name in expected)


def test_a_finished_run_is_not_resumed(digits_manifest: Path, tmp_path: Path) -> None:
    run = tiny_run(digits_manifest, tmp_path / "run")
    with pytest.raises(InputError, match="is finished"):
        tiny_run(digits_manifest, run, resume=True)


def test_a_run_is_not_resumed_with_other_videos(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    recipe = RECIPE | {"data": "m.csv"}
    start_or_resume(run, recipe, resume=False, manifests={"data": "1a", "folds": "2b"})
    start_or_resume(run, recipe, resume=True, manifests={"data": "1a", "folds": "2b"})
    with pytest.raises(InputError, match=r"data 'm\.csv' lists other videos, labels or folds"):
        start_or_resume(run, recipe, resume=True, manifests={"data": "3c", "folds": "2b"})
    run.manifests.write_text("[1]")
    with pytest.raises(InputError, match=r"manifests\.json' is damaged"):
        start_or_resume(run, recipe, resume=True, manifests={"data": "1a", "folds": "2b"})
    run.manifests.unlink()  # as in a run of a version that did not write it
    start_or_resume(run, recipe, resume=True, manifests={"data": "3c"})
