"""The training loop of a detector: window by window along videos, on vectors of clips."""

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
    """The training step of a detector, which carries its state from window to window.

    Args:
        detector: the network to train.
        more: arguments of `SeededTraining`.
    """

    def __init__(self, detector: ActivityDetector, **more: Any) -> None:
        super().__init__(**more)
        self.detector = detector
        self.state: State | None = None

    @property
    def learner(self) -> nn.Module:
        """The detector; the encoder is not trained."""
        return self.detector

    def training_step(self, batch: Window, batch_idx: int) -> Tensor:
        """Return the loss of one window of every stream, a scalar."""
        del batch_idx
        self._reseed(self.stream.draw, 0)
        state = reset_state(self.state, batch.begins)
        prediction = self.detector.along(batch.vectors, state, lengths=batch.lengths)
        assert prediction.state is not None
        self.state = tuple(part.detach() for part in prediction.state)
        self.losses = Losses(self.detector.loss(prediction, batch.labels))
        return self.finished(batch.videos)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the state, from which the next window continues."""
        checkpoint["streams"] = None if self.state is None else list(self.state)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the state."""
        saved = checkpoint.get("streams", checkpoint.get("lanes"))  # "lanes" in version 0.1.0
        self.state = None if saved is None else tuple(saved)


def check_training(training: Training) -> None:
    """Check that the settings can be used with parallel streams.

    Raises:
        InputError: If they name several devices, or compiling.
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
    """Train `detector` in place; continue from the newest complete checkpoint if there is one.

    Args:
        detector: the network, with its initial weights.
        videos: the training videos.
        run: folder for checkpoints, history and TensorBoard events.
        plan: how the videos are laid out; the batch size is the number of parallel streams.
        training: the training settings; `check_training` has accepted them.
        device: the device that computes.
        precision: precision of the arithmetic.
        seed: seed of dropout and of the order of videos.
        what: what is trained, for the progress bar.
        quiet: show no progress bar.

    Raises:
        InputError: If there are too few clips for one window of every stream.
        Interrupted: If Ctrl-C or SIGTERM ended the training; its last step is saved.
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
        checkpoints=checkpoints,
        callbacks=[History(run.history, run.tensorboard)],
        checkpoint=checkpoint,
        out=run.path,
        what=what,
        quiet=quiet,
    )


def reset_state(state: State | None, begins: Tensor) -> State | None:
    """Return the state (B, H) with zeros in the rows for which `begins` (B,) is true."""
    if state is None:
        return None
    # A state from a checkpoint may still be on another device than the windows.
    return tuple(part.to(begins.device).masked_fill(begins[:, None], 0) for part in state)
