"""Which frames are described: some of those that encoders see, each with the one behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from selfvid.data.clips.sampling import Indices, Sampling, Timeline


@dataclass(frozen=True)
class Pairs(Sampling):
    """Frames of another rule, spread evenly over those that it picks, each with its neighbour.

    Four frames of a rule, and the pairs made of them; the last frame is paired with the one
    before it::

        rule   . A . . A . . A . . A
        pairs  . a a . b b . c c d d

    Attributes:
        rule: what picks the frames.
        most: pairs at most.
    """

    rule: Sampling
    most: int = 16

    @property
    def length(self) -> int:
        """Two frames in every clip."""
        return 2

    def choose(self, timeline: Timeline, rng: np.random.Generator) -> Indices:
        """Frame numbers of the pairs, int64 (pairs, 2); (0, 2) where the rule skips the video."""
        picked = np.unique(self.rule.choose(timeline, rng))
        if len(picked) > self.most:
            picked = picked[np.linspace(0, len(picked) - 1, self.most).round().astype(np.int64)]
        first, past = timeline.bounds
        earlier = np.unique(picked.clip(max=max(past - 2, first)))
        return np.stack((earlier, (earlier + 1).clip(max=past - 1)), axis=1)
