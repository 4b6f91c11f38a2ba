"""What a whole video shows: its likeliest activities, as Montes et al. (2016) give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from selfvid.data.annotations.annotations import Assume
from selfvid.detecting.segments import (
    Floats,
    PostProcessing,
    Segment,
    smoothed,
    video_scores,
    write_results,
)
from selfvid.heads.detection import BACKGROUND

LABELS = "labels.json"
MOST = 3  # labels of a video


@dataclass(frozen=True)
class VideoLabel:
    """An activity and its score for a whole video, from 0 to 1."""

    label: str
    score: float

    def __str__(self) -> str:
        return f"{self.label} {self.score:.2f}"


@dataclass(frozen=True)
class Found:
    """What a detector finds in one video.

    Attributes:
        segments: the detected segments, in order of time.
        labels: the likeliest activities of the whole video, at most three, the likeliest first.
        highest: the highest smoothed probability that any activity goes on, which is compared
            with the threshold alpha.
    """

    segments: tuple[Segment, ...]
    labels: tuple[VideoLabel, ...]
    highest: float

    @classmethod
    def of(
        cls,
        chances: Floats,
        spans: Floats,
        post: PostProcessing,
        *,
        labels: Sequence[str],
        assume: Assume,
    ) -> Found:
        """Return what the probabilities of a video's clips say; see `PostProcessing.segments`."""
        scores = video_scores(chances, assume)
        likeliest = np.argsort(-scores, kind="stable")[:MOST].tolist()
        values = smoothed(chances, half=post.smooth, ends=post.ends)
        active = values if assume == "overlapping" else 1 - values[:, BACKGROUND]
        return cls(
            tuple(post.segments(chances, spans, labels=labels, assume=assume)),
            tuple(VideoLabel(labels[number], float(scores[number])) for number in likeliest),
            float(active.max()),
        )

    def in_words(self, *, alpha: float) -> str:
        """Return the labels and the number of segments, or why there is none, in one line."""
        named = ", ".join(map(str, self.labels))
        if self.segments:
            count = len(self.segments)
            return f"{named}; {count} segment{'s' * (count != 1)}"
        return (
            f"{named}; no segment: the probability that any activity goes on reaches "
            f"{self.highest:.2f}, alpha is {alpha:g}"
        )


def write_labels(found: Mapping[str, Found], folder: Path, *, encoder: str) -> None:
    """Write the labels of whole videos as labels.json, in ActivityNet's scheme for classification.

    Args:
        found: what was found in each video, by its name.
        folder: an existing folder.
        encoder: what the vectors of the clips come from, in words.
    """
    results = {
        video: [{"label": each.label, "score": round(each.score, 6)} for each in one.labels]
        for video, one in found.items()
    }
    write_results(results, folder / LABELS, encoder=encoder)
