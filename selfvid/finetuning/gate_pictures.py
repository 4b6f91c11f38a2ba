"""Pictures of what an LRCN head keeps and lets go along a few test videos."""

from __future__ import annotations

import torch

from selfvid.data.clips.loader import ClipDataset
from selfvid.finetuning.classifier import Classifier
from selfvid.heads.lrcn import LRCN
from selfvid.pictures import Picture, gates
from selfvid.recurrent import PeepholeLSTMCell, gate_values
from selfvid.types import ClipBatch

SHOWN = 3


@torch.no_grad()
def gate_pictures(classifier: Classifier, videos: ClipDataset) -> list[Picture]:
    """One picture for each of the first videos; none where there is no LSTM, or no pixels.

    Args:
        classifier: in evaluation mode, on the CPU.
        videos: one item for each.
    """
    head = classifier.head
    if not isinstance(head, LRCN) or classifier.encoder.eats != 3:
        return []
    (cell, *_) = head.lstm.layers
    assert isinstance(cell, PeepholeLSTMCell)
    pictures = []
    for place in range(min(SHOWN, len(videos))):
        clips = videos[place].clips
        batch = ClipBatch.of([clips[len(clips) // 2]])
        steps = classifier.encoder(batch.clip()).need_steps("LRCN")
        values = gate_values(cell, steps)
        # A step that sees several frames stands under the last of them.
        seen = batch.frames[0, -steps.shape[1] :]
        pictures.append(
            gates(
                seen,
                {
                    "forget gate: how much of the memory is kept (bright: all)": values.forget[0],
                    "input gate: how much enters": values.input[0],
                    "output gate: how much is put out": values.output[0],
                },
            )
        )
    return pictures
