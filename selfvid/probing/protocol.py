"""The protocol of a probe as plain data: the encoder, the videos and the method."""

from __future__ import annotations

from typing import Any

from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.splits import own_folds
from selfvid.data.video.decode import resolve_decoder
from selfvid.encoders.base import fingerprint
from selfvid.features.extract import Cut
from selfvid.probing.classifiers import inner_folds, knn, linear
from selfvid.probing.encoders import ProbedEncoder
from selfvid.probing.subject import Subject
from selfvid.probing.variants import Task, chance
from selfvid.saving.recorded import describe

INTERVAL = (
    "95 % percentile bootstrap, 2000 draws, of per-video correctness pooled over folds; whole "
    "groups are resampled, and random seeds or label draws if there are several; differences "
    "are paired on the same resampled groups; if all resampled figures are equal, the exact "
    "binomial bound for the number of groups is given; the variation that other training parts "
    "would bring is not included: see fold_accuracies"
)
CHANCE = "share of the largest class in each test part, the most that a constant can reach"
RANDOM = (
    "the same architecture; weights drawn anew for each seed as the network's own constructor "
    "draws them; statistics of batch norm as initialised"
)
JOINED = (
    "vectors side by side; each feature is standardised on the training part, as those of one "
    "encoder are, so that the scale of a vector has no effect; a longer vector has more weight"
)

OF_FOLDS = "each fold is trained and tested on the vectors of its own encoder"


def about_subject(subject: Subject) -> dict[str, Any]:
    """Return which encoder is evaluated, or which ones, as plain data."""
    if subject.later:
        each = [about_subject(one) for one in subject.of_folds]
        return {**each[0], "folds": each, "meaning_of_folds": OF_FOLDS}
    if len(subject.members) == 1:
        return about_encoder(subject.members[0].probed)
    members = [
        {"name": each.name, **about_encoder(each.probed), "clips": about_clips(each.cut)}
        for each in subject.members
    ]
    return {"name": subject.name, "members": members, "joined": JOINED}


def about_encoder(probed: ProbedEncoder) -> dict[str, Any]:
    """Return an encoder as plain data."""
    provenance = probed.encoder.provenance
    return {
        "folder": str(probed.folder),
        "fingerprint": fingerprint(probed.encoder),
        "construction": describe(probed.encoder),
        "recipe": provenance.recipe,
        "footage": len(provenance.footage),
        "notes": provenance.notes,
        "start": probed.start,
        "start_kept": probed.at_start is not None,
    }


def about_data(manifest: Manifest, task: Task, *, label: str) -> dict[str, Any]:
    """Return which videos are classified, and how they are split, as plain data."""
    tested = task.tested
    groups = task.groups
    return {
        "manifest_hash": manifest.hash(),
        "label": label,
        "classes": {name: int((task.labels == k).sum()) for k, name in enumerate(task.classes)},
        "videos": len(manifest),
        "tested": len(tested),
        "groups": len(set(groups.tolist())),
        "groups_tested": len(set(groups[tested].tolist())),
        "split": _split(manifest, task),
        "folds": [
            {
                "name": fold.name,
                "train": len(fold.train),
                "test": len(fold.test),
                "test_groups": sorted(set(groups[fold.test].tolist())),
            }
            for fold in task.folds
        ],
        "chance": {
            "largest_class": chance(task).accuracy.mean,
            "uniform": 1 / len(task.classes),
            "meaning": CHANCE,
        },
    }


def _split(manifest: Manifest, task: Task) -> str:
    """Return in words where the folds come from."""
    if len(task.folds) == 1:
        return "the manifest's own"
    return "the manifest's own folds" if own_folds(manifest) else "StratifiedGroupKFold by group"


def about_clips(cut: Cut) -> dict[str, Any]:
    """Return what an encoder is given, as plain data."""
    return {
        "sampling": repr(cut.sampling),
        "frames": cut.sampling.length,
        "size": cut.size,
        "decoder": resolve_decoder(cut.decoder),
        "precision": cut.precision,
        "flow": None if cut.flow is None else cut.flow.about(),
    }


def about_method(subject: Subject, *, seed: int, seeds: int) -> dict[str, Any]:
    """Return how videos are turned into features and classified, as plain data.

    The clips of several encoders differ, and are described with each encoder.
    """
    first, *others = (member.cut for member in subject.members)
    mirrored = ", mean with the mirror image" if subject.members[0].probed.mirrored else ""
    return {
        **({} if others else about_clips(first)),
        "pool": f"{first.pool}{mirrored}",
        "classifier": linear.PROTOCOL,
        "grid": linear.GRID,
        "default_c": linear.DEFAULT_C,
        "inner_folds": inner_folds.INNER_FOLDS,
        "knn": knn.PROTOCOL,
        "interval": INTERVAL,
        "random_weights": RANDOM,
        "seed": seed,
        "random_seeds": list(range(seeds)),
    }
