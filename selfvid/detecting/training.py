"""Training a detector of activities on features of clips, window by window along videos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from selfvid.features.stream_store import ClipFeatures
from selfvid.data.clips.dataset import ClipKey
from selfvid.training.batches import BatchStream
from selfvid.training.checkpoints import Checkpoints, newest_whole, step_of
from selfvid.training.datamodule import RunClips
from selfvid.training.fit import fit
from selfvid.training.history import Journal
from selfvid.detecting.lanes import Lanes, LaneStream
from selfvid.training.module import SeededTraining
from selfvid.training.run_folder import RunFolder
from selfvid.training.schedule import Training
from selfvid.errors import InputError
from selfvid.heads.detection import ActivityDetector
from selfvid.recurrent import State
from selfvid.types import Features, Losses


@dataclass(frozen=True, eq=False)
class LabelledVideo:
    """An untrimmed video to learn from.

    Attributes:
        name: for messages.
        features: vectors of its clips.
        labels: class of each clip (clips,), 0 for none; or 0 and 1 for each activity (clips, K).
    """

    name: str
    features: ClipFeatures
    labels: Tensor


@dataclass(frozen=True, eq=False)
class Window:
    """A window of every lane.

    Attributes:
        vectors: of the clips, float32 (B, S, D); zeros behind the end.
        labels: of the clips, (B, S) or (B, S, K).
        lengths: true number of clips, (B,).
        begins: where the state begins anew, bool (B,).
        videos: names of those that clips are of.
    """

    vectors: Tensor
    labels: Tensor
    lengths: Tensor
    begins: Tensor
    videos: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.lengths.sum())

    def to(self, device: torch.device) -> Window:
        """The same on another device."""
        names = ("vectors", "labels", "lengths", "begins")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


@dataclass(frozen=True, eq=False)
class LaneWindows:
    """Reads the windows that a stream asks for.

    Attributes:
        videos: in the order that the stream counts them in.
        stream: which clips make up which window.
    """

    videos: Sequence[LabelledVideo]
    stream: LaneStream

    def batches(self, stream: BatchStream, device: torch.device) -> Iterator[Window]:
        """The windows from where `stream`, which is this one's, stands."""
        del device
        # Asked where it stands only now, behind a resumed run's checkpoint.
        for keys in stream:
            yield self.window(keys)

    def window(self, keys: Sequence[ClipKey]) -> Window:
        """The window of some lanes."""
        first = self.videos[0]
        size = self.stream.plan.window
        vectors = torch.zeros(len(keys), size, first.features.width)
        labels = first.labels.new_zeros(len(keys), size, *first.labels.shape[1:])
        lengths = torch.zeros(len(keys), dtype=torch.int64)
        names: dict[str, None] = {}
        for row, key in enumerate(keys):
            clips = self.stream.clips(key)
            found = clips[clips[:, 0] >= 0]
            lengths[row] = len(found)
            at = 0
            for number, run in groupby(found.tolist(), key=lambda pair: pair[0]):
                places = [clip for _, clip in run]
                video, part = self.videos[number], slice(at, at + len(places))
                vectors[row, part] = video.features.read(places[0], len(places))
                labels[row, part] = video.labels[places[0] : places[-1] + 1]
                names[video.name] = None
                at = part.stop
        begins = torch.tensor([self.stream.begins(key) for key in keys])
        return Window(vectors, labels, lengths, begins, tuple(names))


class DetectorTraining(SeededTraining):
    """Trains a detector, whose state runs on from window to window.

    Args:
        detector: what is trained.
        more: as `SeededTraining` explains them.
    """

    def __init__(self, detector: ActivityDetector, **more: Any) -> None:
        super().__init__(**more)
        self.detector = detector
        self.state: State | None = None

    @property
    def learner(self) -> nn.Module:
        """The detector; the encoder has done its work."""
        return self.detector

    def training_step(self, batch: Window, batch_idx: int) -> Tensor:
        """Scalar loss of one window of every lane."""
        del batch_idx
        self._reseed(self.stream.draw, 0)
        features = Features(batch.vectors[:, 0], batch.vectors, lengths=batch.lengths)
        prediction = self.detector(features, begun(self.state, batch.begins))
        self.state = tuple(part.detach() for part in prediction.state)
        self.losses = Losses(self.detector.loss(prediction, batch.labels, batch.lengths))
        return self.finished(batch.videos)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the state: the next window continues from it."""
        checkpoint["lanes"] = None if self.state is None else list(self.state)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Carry it on."""
        kept = checkpoint["lanes"]
        self.state = None if kept is None else tuple(kept)


def check_training(training: Training) -> None:
    """Refuse what does not go with lanes.

    Raises:
        InputError: where there are several devices, or compiling is asked for.
    """
    for name, wanted in (("devices", 1), ("compiled", False)):
        if getattr(training, name) != wanted:
            raise InputError(f"{name} is {getattr(training, name)}; detect trains with {wanted}")


def train_detector(
    detector: ActivityDetector,
    videos: Sequence[LabelledVideo],
    run: RunFolder,
    *,
    plan: Lanes,
    training: Training,
    seed: int,
    what: str,
) -> None:
    """Train `detector` in place; where `run` holds checkpoints, on from the newest whole one.

    Args:
        detector: with the weights to begin with.
        videos: the training part.
        run: where checkpoints, history and events go.
        plan: how videos are laid out; there are as many lanes as clips in a batch.
        training: how long, how fast and with what; `check_training` has seen it.
        seed: of dropout and of the order of videos.
        what: is being trained, for the progress bar.

    Raises:
        InputError: where the plan does not go with so many clips.
        Interrupted: where Ctrl-C or SIGTERM ended it; its last step was saved first.
    """
    for folder in (run.checkpoints, run.pictures):
        folder.mkdir(parents=True, exist_ok=True)
    stream = LaneStream(
        [video.features.clips for video in videos],
        plan,
        lanes=training.batch // training.accumulate,
        total=training.steps * training.accumulate,
        seed=seed,
    )
    checkpoint = newest_whole(run.checkpoints)
    run.trim_history(-1 if checkpoint is None else step_of(checkpoint))
    checkpoints = Checkpoints(run.checkpoints, every=training.checkpoint_every)
    fit(
        DetectorTraining(detector, training=training, stream=stream, seed=seed),
        RunClips(LaneWindows(videos, stream), stream),
        training=training,
        callbacks=[Journal(run.history, run.tensorboard), checkpoints],
        checkpoint=checkpoint,
        out=run.path,
        what=what,
    )
    checkpoints.raise_if_stopped()


def begun(state: State | None, begins: Tensor) -> State | None:
    """The state, set to zero where it begins anew."""
    if state is None:
        return None
    # A state that a checkpoint brought lies where the module lay then, in front of its move.
    return tuple(part.to(begins.device).masked_fill(begins[:, None], 0) for part in state)
