"""Training a detector of activities on features of clips, window by window along videos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from selfvid.compute import Device, Precision
from selfvid.detecting.streams import ParallelStreams, WindowStream
from selfvid.detecting.windows import LabelledVideo, Window, WindowSource
from selfvid.errors import InputError
from selfvid.heads.detection import ActivityDetector
from selfvid.recurrent import State
from selfvid.training.checkpoints import Checkpoints
from selfvid.training.fit import RunClips, fit
from selfvid.training.history import History
from selfvid.training.module import SeededTraining
from selfvid.training.run_folder import RunFolder
from selfvid.training.schedule import Training
from selfvid.training.start import resume_point
from selfvid.types import Losses


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
        """Scalar loss of one window of every stream."""
        del batch_idx
        self._reseed(self.stream.draw, 0)
        state = begun(self.state, batch.begins)
        prediction = self.detector.along(batch.vectors, state, lengths=batch.lengths)
        assert prediction.state is not None
        self.state = tuple(part.detach() for part in prediction.state)
        self.losses = Losses(self.detector.loss(prediction, batch.labels))
        return self.finished(batch.videos)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the state: the next window continues from it."""
        checkpoint["streams"] = None if self.state is None else list(self.state)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Carry it on."""
        kept = checkpoint.get("streams", checkpoint.get("lanes"))  # as 0.1.0 called it
        self.state = None if kept is None else tuple(kept)


def check_training(training: Training) -> None:
    """Refuse what does not go with streams.

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
    plan: ParallelStreams,
    training: Training,
    device: Device,
    precision: Precision,
    seed: int,
    what: str,
    quiet: bool = False,
) -> None:
    """Train `detector` in place; where `run` holds checkpoints, on from the newest whole one.

    Args:
        detector: with the weights to begin with.
        videos: the training part.
        run: where checkpoints, history and events go.
        plan: how videos are laid out; there are as many streams as clips in a batch.
        training: how long, how fast and with what; `check_training` has seen it.
        device: where.
        precision: of the arithmetic.
        seed: of dropout and of the order of videos.
        what: what is being trained, for the progress bar.
        quiet: show no progress bar.

    Raises:
        InputError: where the plan does not go with so many clips.
        Interrupted: where Ctrl-C or SIGTERM ended it; its last step was saved first.
    """
    stream = WindowStream(
        [video.features.clips for video in videos],
        plan,
        streams=training.batch // training.accumulate,
        total=training.steps * training.accumulate,
        seed=seed,
    )
    checkpoint = resume_point(run)
    checkpoints = Checkpoints(run.checkpoints, every=training.checkpoint_every)
    fit(
        DetectorTraining(detector, training=training, stream=stream, seed=seed),
        RunClips(WindowSource(videos, stream), stream),
        training=training,
        device=device,
        precision=precision,
        callbacks=[History(run.history, run.tensorboard), checkpoints],
        checkpoint=checkpoint,
        out=run.path,
        what=what,
        quiet=quiet,
    )
    checkpoints.raise_if_stopped()


def begun(state: State | None, begins: Tensor) -> State | None:
    """The state, set to zero where it begins anew."""
    if state is None:
        return None
    # A state that a checkpoint brought lies where the module lay then, in front of its move.
    return tuple(part.to(begins.device).masked_fill(begins[:, None], 0) for part in state)
