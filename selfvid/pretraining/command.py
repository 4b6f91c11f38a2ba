"""Learn an encoder from footage nobody labelled."""

from __future__ import annotations

import json
import logging
import shutil
import time
from pathlib import Path

from selfvid.data.video.decode import DecoderName
from selfvid.data.digits.stream import DigitStream
from selfvid.data.clips.faults import FaultCounter, FaultPolicy
from selfvid.data.clips.sampling import Sampling
from selfvid.data.clips.augmentation import Augmentation
from selfvid.training.batches import BatchStream
from selfvid.training.checkpoints import Checkpoints, newest_whole, step_of
from selfvid.training.datamodule import RunClips
from selfvid.training.fit import fit, is_first_process
from selfvid.pretraining.settings import Job
from selfvid.training.module import Pretraining
from selfvid.pretraining.previews import Observer
from selfvid.compute import pick_device, resolve_precision
from selfvid.training.run_folder import RunFolder, hardware
from selfvid.training.schedule import Training
from selfvid.training.sources import Source
from selfvid.training.warm_start import warm_start
from selfvid.objectives.base import Objective
from selfvid.objectives.predictive import Predictive
from selfvid.saving.whole import write_whole

logger = logging.getLogger(__name__)


def pretrain(
    data: Path | str | DigitStream,
    out: Path | str,
    *,
    objective: Objective,
    clips: Sampling | None = None,
    size: int | list[int] | None = None,
    augment: Augmentation | None = None,
    flow: Path | str | None = None,
    training: Training = Training(),
    split: str | None = None,
    decoder: DecoderName = "auto",
    decoded: Path | str | None = None,
    workers: int | None = None,
    faults: FaultPolicy = FaultPolicy(),
    seed: int = 0,
    init: Path | str | None = None,
    resume: bool = False,
) -> Path:
    """Learn an encoder from footage nobody labelled.

    Weights are drawn when `objective` is made; call ``torch.manual_seed`` before that to draw
    the same ones again (the command line does).

    Args:
        data: manifest of the footage, as `index` writes it; or digits made on the spot.
        out: folder for the run; must not exist yet.
        objective: what is learnt, with the encoder in it.
        clips: which frames of a video make a clip; two consecutive ones at random by default.
        size: H and W that frames are resized to while decoding, or one number for both; 64 by
            default.
        augment: random changes to clips, on the device.
        flow: folder of the footage's optical flow, for an encoder that eats flow.
        training: steps, batch, optimiser, precision and the like.
        split: take only rows of this split; all usable rows by default.
        decoder: auto, decord or pyav.
        decoded: folder that keeps decoded frames at training size, so that a video is decoded
            once and not at every step; frames x H x W x 3 bytes for each.
        workers: loading processes; by default one less than cores, at most 8.
        faults: how many clips may fail before the run stops.
        seed: of everything random in the run.
        init: an earlier run or encoder to start from.
        resume: continue the run in `out` from its last whole checkpoint.

    Returns:
        The run's folder, with the encoder in ``encoder/``.

    Raises:
        InputError: where something handed in is not as expected.
        Interrupted: where Ctrl-C or SIGTERM ended the run; its last step was saved first.
    """
    job = Job(
        data=data if isinstance(data, DigitStream) else str(data),
        out=str(out),
        objective=objective,
        clips=clips,
        size=[size, size] if isinstance(size, int) else size,
        augment=augment,
        training=training,
        split=split,
        decoder=decoder,
        decoded=None if decoded is None else str(decoded),
        workers=workers,
        faults=faults,
        seed=seed,
        init=None if init is None else str(init),
        flow=None if flow is None else str(flow),
    )
    source = job.source()
    job.check(source)
    run = RunFolder(out)
    checkpoint = _open(run, job, source, resume=resume)
    started = time.perf_counter()
    module, observer = _train(run, job, source, checkpoint)
    if is_first_process():
        _finish(run, job, source, module, observer, seconds=time.perf_counter() - started)
    return run.path


def _open(run: RunFolder, job: Job, source: Source, *, resume: bool) -> Path | None:
    """Make the run's folder, or find where to continue in it."""
    recipe = job.recipe()
    first = is_first_process()
    if job.init is not None:
        warm_start(job.objective.encoder, job.init)
    job.objective.begin()
    if resume:
        run.check_resumable(recipe)
        checkpoint = newest_whole(run.checkpoints)
        if first:
            run.trim_history(-1 if checkpoint is None else step_of(checkpoint))
        if checkpoint is not None:
            return checkpoint
    elif first:
        run.create()
        run.write_recipe(recipe)
    if first and not run.start.exists():
        job.objective.encoder.provenance = job.provenance_at_start(source)
        job.objective.encoder.save(run.start)
    return None


def _train(
    run: RunFolder, job: Job, source: Source, checkpoint: Path | None
) -> tuple[Pretraining, Observer]:
    """Fit; the objective's encoder is trained in place."""
    training = job.training
    stream = BatchStream(
        len(source.videos) or training.batch,
        per_batch=training.batch // training.accumulate // source.clips_per_video,
        total=training.steps * training.accumulate,
        seed=job.seed,
    )
    if training.compiled:
        job.objective.compile()
    module = Pretraining(
        job.objective,
        augment=job.augment,
        training=training,
        stream=stream,
        faults=FaultCounter(job.faults),
        seed=job.seed,
    )
    observer = Observer(
        run,
        job.objective,
        sample=source.sample(),
        every=training.look_every,
        precision=training.precision,
    )
    checkpoints = Checkpoints(run.checkpoints, every=training.checkpoint_every)
    fit(
        module,
        RunClips(source, stream),
        training=training,
        callbacks=[observer, checkpoints],
        checkpoint=checkpoint,
        out=run.path,
    )
    checkpoints.raise_if_stopped()
    return module, observer


def _finish(
    run: RunFolder,
    job: Job,
    source: Source,
    module: Pretraining,
    observer: Observer,
    *,
    seconds: float,
) -> None:
    """Write the encoder with where it comes from, and the summary."""
    training, encoder = job.training, job.objective.encoder
    encoder.provenance = job.provenance(source)
    device = pick_device(training.accelerator)
    measures = observer.measures
    clips = training.steps * training.batch
    words = [*job.notes(), *([] if measures is None else [measures.words()])]
    summary = {
        "steps": training.steps,
        "seconds": round(seconds, 1),
        "clips": clips,
        "epochs": round(clips / source.clips_per_video / (len(source.videos) or clips), 2),
        "videos": len(source.videos),
        "generated": source.maker,
        "hours": round(source.hours, 4),
        "faults": module.faults.failed,
        "words": words,
        "collapse": None if measures is None else measures.as_dict(),
        "losses": observer.latest,
        "precision": resolve_precision(training.precision, device=device),
        "device": str(device),
        "hardware": hardware(),
    }
    write_whole(run.summary, json.dumps(summary, indent=2) + "\n")
    if isinstance(job.objective, Predictive):
        shutil.rmtree(run.objective, ignore_errors=True)  # of a run that was killed just here
        job.objective.cpu().save(run.objective)
    encoder.cpu().save(run.encoder)
    for sentence in words:
        logger.info("%s", sentence)
    following = f"selfvid probe {run.path} LABELLED.csv"
    if job.flow is not None:  # which the probe cannot read
        following = (
            f"selfvid finetune --config RECIPE --data LABELLED.csv --flow {job.flow} "
            f"--init {run.path} --out NEW_FOLDER"
        )
    logger.info("%s holds the encoder; next: %s", run.encoder, following)
