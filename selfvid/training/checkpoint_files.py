"""How Lightning writes a checkpoint: straight to the file that it is told.

Lightning's own way stages every checkpoint in the system's folder for temporary files, which is
often a small disk or memory.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from selfvid.saving.full_disk import writing


class CheckpointFiles(TorchCheckpointIO):
    """Writer of checkpoints; they are read as Lightning reads them."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint to `path`, whose folder exists.

        Raises:
            InputError: If the disk is full; nothing is left of the file then.
        """
        del storage_options
        content = io.BytesIO()
        torch.save(checkpoint, content)
        file = Path(path)
        try:
            with writing(file):
                file.write_bytes(content.getbuffer())
        except BaseException:
            file.unlink(missing_ok=True)
            raise
