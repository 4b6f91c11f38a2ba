"""Does a fine-tuned run see motion? Its folds on test clips that had theirs taken away.

Run with ``python -m tests.bench.motion_of_run RUN MANIFEST``. Four clips of each test video are
averaged; they are shown as they are, frozen at their middle frame, and with frames shuffled.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch

from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import EvenClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import segment_id
from selfvid.data.manifest.splits import folds
from selfvid.features.views import View, view_of
from selfvid.finetuning.classifier import Trained, load_classifier
from selfvid.training.run_folder import RunFolder

CLIPS = 4
VIEWS: dict[str, View] = {"as they are": "frames", "frozen": "frozen", "shuffled": "shuffled"}


@torch.no_grad()
def right(trained: Trained, test: Manifest, labels: Sequence[str]) -> dict[str, int]:
    """How many test videos are classified correctly, in each view."""
    used_to = trained.classifier.encoder.provenance
    assert used_to.frames is not None
    rule = EvenClips(frames=used_to.frames, stride=used_to.stride, clips=CLIPS)
    dataset = ClipDataset(test, rule, size=used_to.size or (64, 64))
    counts = dict.fromkeys(VIEWS, 0)
    for place, (row, label) in enumerate(zip(test.rows, labels, strict=True)):
        clips = torch.stack([clip.frames for clip in dataset[place].clips])
        names = [f"{segment_id(row)} {number}" for number in range(len(clips))]
        for words, view in VIEWS.items():
            prediction, _ = trained.classifier(view_of(clips, names, view))
            best = int(prediction.probabilities.mean(0).argmax())
            counts[words] += trained.classes[best] == label
    return counts


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the accuracy over all folds, in each view."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--label", default="label", help="column of the labels")
    given = parser.parse_args(arguments)
    videos = Manifest.read(given.manifest).usable
    places = RunFolder(given.run).encoders
    parts = folds(videos, column=given.label, folds=len(places) if len(places) > 1 else None)
    counts: Counter[str] = Counter()
    for place, part in zip(places, parts, strict=True):
        test = videos.select(part.test)
        counts.update(right(load_classifier(place), test, test.column(given.label)))
    total = sum(len(part.test) for part in parts)
    told = ", ".join(f"{words} {100 * counts[words] / total:.1f}" for words in VIEWS)
    print(f"{given.run}: % of {total} test videos classified correctly, {told}")


if __name__ == "__main__":
    main()
