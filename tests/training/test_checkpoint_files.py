import tempfile
from pathlib import Path

import pytest
import torch

from selfvid.errors import InputError
from selfvid.training.checkpoint_files import CheckpointFiles


def test_a_checkpoint_comes_back_and_needs_no_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "there is none"))
    file = tmp_path / "step.ckpt"
    CheckpointFiles().save_checkpoint({"a": torch.arange(3)}, file)
    found = CheckpointFiles().load_checkpoint(file, weights_only=True)
    assert found["a"].tolist() == [0, 1, 2]


def test_a_checkpoint_without_room_is_named_and_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, _: bytes) -> int:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"step\.ckpt' cannot be written: the disk is full"):
        CheckpointFiles().save_checkpoint({}, tmp_path / "step.ckpt")
    assert not list(tmp_path.iterdir())
