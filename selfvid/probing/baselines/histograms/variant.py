"""Feature histograms with a small network: the classical baseline of Karpathy et al. (2014)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from selfvid.data.flow.folder import FlowFolder
from selfvid.data.flow.origin import FlowOrigin
from selfvid.data.manifest.splits import Fold
from selfvid.probing.baselines.histograms.describe import SIDE, Description
from selfvid.probing.baselines.histograms.tracks import TRACK_FRAMES
from selfvid.probing.baselines.histograms.words import Vocabulary, pyramid_histogram
from selfvid.probing.classifiers import network
from selfvid.probing.variants import LearnedFeatures, Task

NAME = "feature histograms"
WORDS = 64  # of each kind: with six kinds and five cells 1920 numbers a video
LEVELS = (1, 2)  # cells along each side: the whole picture and its quarters
PROTOCOL = (
    "up to 16 of the frames that the encoder is given; histograms of oriented gradients, of "
    "flow's directions and colour moments of patches, on a grid and at corners; k-means words of "
    "each kind, fitted on the training part of each fold; soft assignment; spatial pyramid; "
    "roots; hue-saturation histogram and colour moments of whole pictures are added"
)
TRACKS = (
    f"corners of each frame followed through {TRACK_FRAMES} frames by Lucas and Kanade, lost if "
    "the path back ends elsewhere; shapes of tracks, gradients and colour moments along them are "
    "three more kinds of words"
)


class FeatureHistograms(LearnedFeatures):
    """Histograms of visual words, which are learned anew on the training part of each fold.

    Args:
        videos: descriptions of all videos of the task, in order.
        words: number of words of each kind of descriptor.
        levels: cells along each side of the picture, for every level of the pyramid.
    """

    classifier = staticmethod(network.classify)

    def __init__(
        self,
        videos: Sequence[Description],
        *,
        words: int = WORDS,
        levels: Sequence[int] = LEVELS,
    ) -> None:
        self._videos = tuple(videos)
        self._words = words
        self._levels = tuple(levels)

    def features(self, fold: Fold, task: Task) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Learn words on the training part; return its histograms and those of the test part."""
        return self.histograms(fold, seed=task.seed)

    def histograms(
        self, fold: Fold, *, seed: int = 0
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return features of the training part (N, D) and of the test part (M, D)."""
        vocabularies = self._vocabularies(fold.train, seed)
        train, test = (
            np.stack([self._histogram(self._videos[at], vocabularies) for at in part])
            for part in (fold.train, fold.test)
        )
        return train, test

    def _vocabularies(self, train: NDArray[np.int64], seed: int) -> dict[str, Vocabulary]:
        """Return the words of each kind of descriptor, learned from the videos at `train`."""
        return {
            name: Vocabulary.fit(
                np.concatenate([self._videos[at].bags[name].vectors for at in train]),
                words=self._words,
                seed=seed,
            )
            for name in self._videos[0].bags
        }

    def _histogram(
        self, video: Description, vocabularies: dict[str, Vocabulary]
    ) -> NDArray[np.float64]:
        """Return the features of one video, (D,)."""
        made = [
            pyramid_histogram(
                vocabulary.assign(video.bags[name].vectors),
                video.bags[name].places,
                levels=self._levels,
            )
            for name, vocabulary in vocabularies.items()
        ]
        # Roots reduce the weight of frequent words.
        return np.concatenate((*(np.sqrt(histogram) for histogram in made), video.whole))


def about_histograms(*, flow: FlowOrigin | None, tracks: bool) -> dict[str, Any]:
    """Return how videos become histograms, as plain data; `flow` is as in `describe_videos`."""
    name = "DIS" if flow is None or isinstance(flow, FlowFolder) else flow.name
    return {
        "features": PROTOCOL,
        "tracks": TRACKS if tracks else None,
        "side": SIDE,
        "words": WORDS,
        "levels": LEVELS,
        "flow": (
            "stored"
            if isinstance(flow, FlowFolder)
            else f"estimated by {name} between neighbouring frames"
        ),
        "classifier": network.PROTOCOL,
        "widths": network.WIDTHS,
        "decays": network.DECAYS,
        "versions": {"opencv": cv2.__version__, "scikit-image": version("scikit-image")},
    }
