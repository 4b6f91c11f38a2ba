"""`selfvid pretrain`: train an encoder on videos without labels."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

from selfvid.compute import Device, Precision, choose_device, resolve_precision
from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.faults import FaultCounter, FaultPolicy
from selfvid.data.clips.sampling import Sampling
from selfvid.data.digits.stream import DigitStream
from selfvid.data.video.decode import DecoderName
from selfvid.objectives.base import Objective
from selfvid.objectives.predictive import Predictive
from selfvid.pretraining.footage import notes, open_source, provenance, provenance_at_start
from selfvid.pretraining.previews import Previews
from selfvid.pretraining.settings import PretrainSettings
from selfvid.pretraining.sources import ClipSource
from selfvid.saving.printable import shell_word
from selfvid.saving.whole import write_whole
from selfvid.training.batches import BatchStream
from selfvid.training.checkpoints import Checkpoints
from selfvid.training.clips import ClipReading
from selfvid.training.fit import RunClips, fit, is_first_process
from selfvid.training.module import Pretraining
from selfvid.training.put_aside import putting_aside
from selfvid.training.run_folder import RunFolder, hardware, warm_start
from selfvid.training.schedule import Training
from selfvid.training.start import resume_point, start_or_resume

logger = logging.getLogger(__name__)


def pretrain(
    data: Path | str | DigitStream | ClipSource,
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
    device: Device = "auto",
    precision: Precision = "auto",
    faults: FaultPolicy = FaultPolicy(),
    seed: int = 0,
    init: Path | str | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> Path:
    """Train an encoder on videos without labels.

    The weights are drawn when `objective` is made. Call ``torch.manual_seed`` before that to make
    a run reproducible; the command line does so.

    Args:
        data: manifest of the videos, as `index` writes it; or the settings of moving digits, which
            are generated during training; or a source of clips of your own.
        out: folder for the run; it must not exist yet.
        objective: the objective to train, with the encoder in it.
        clips: which frames of a video make up a clip; by default two consecutive frames at a random
            position.
        size: height and width that frames are resized to while decoding, or one number for both;
            64 by default.
        augment: random augmentation of the clips, computed on the device.
        flow: optical flow, for an encoder that takes flow or an objective that needs it beside its
            clips: a folder that `selfvid flow` wrote, or an estimator that is applied while videos
            are read, such as dis.
        training: steps, batch size, optimiser and similar settings.
        split: use only the rows of this split; by default all usable rows.
        decoder: auto, decord or pyav.
        decoded: folder that keeps the decoded frames at training size, so that each video is
            decoded only once. It takes frames x H x W x 3 bytes per video.
        workers: number of loading processes; by default one less than the number of cores, at most
            8.
        device: the device to train on: auto, cpu, cuda or mps; auto uses a GPU if there is one.
        precision: auto, float32 or bfloat16; auto uses bfloat16 autocast if the hardware supports
            it natively.
        faults: how many clips may fail before the run stops.
        seed: seed of all random numbers of the run.
        init: folder of an earlier run, or of an encoder, to take the initial weights from.
        resume: continue the run in `out` from its last undamaged checkpoint.
        quiet: print neither the progress nor a suggestion for the next command.

    Returns:
        The run's folder, with the encoder in ``encoder/``, and with every other encoder of the
        objective in a folder of its name.

    Raises:
        InputError: If an argument is not as expected.
        Interrupted: If Ctrl-C or SIGTERM ended the run; its last step was saved first.
    """
    settings = PretrainSettings(
        data=str(data) if isinstance(data, Path) else data,
        out=str(out),
        objective=objective,
        clips=clips,
        augment=augment,
        reading=ClipReading.of(
            size=size, flow=flow, decoder=decoder, decoded=decoded, workers=workers, faults=faults
        ),
        training=training,
        split=split,
        device=device,
        precision=precision,
        seed=seed,
        init=None if init is None else str(init),
    )
    source = open_source(settings)
    run = RunFolder(out)
    if settings.init is not None:
        for name, encoder in objective.encoders.items():
            warm_start(encoder, _initial(settings.init, name))
    objective.begin()
    manifests = {} if source.manifest is None else {"data": source.manifest.reading_hash()}
    start_or_resume(run, settings.recipe(), resume=resume, manifests=manifests)
    checkpoint = resume_point(run)
    if checkpoint is None and is_first_process():
        _save_start(run, settings, source)
    started = time.perf_counter()
    with putting_aside(run.put_aside, source):
        module, observer = _train(run, settings, source, checkpoint, quiet=quiet)
    if is_first_process():
        seconds = time.perf_counter() - started
        _finish(run, settings, source, module, observer, seconds=seconds, quiet=quiet)
    return run.path


def _initial(init: str, name: str) -> Path:
    """Return the folder to take the initial weights of the encoder with this name from."""
    of_a_run = Path(init) / name
    return of_a_run if name != "encoder" and of_a_run.is_dir() else Path(init)


def _save_start(run: RunFolder, settings: PretrainSettings, source: ClipSource) -> None:
    """Save the encoders as they are before training."""
    for name, encoder in settings.objective.encoders.items():
        if not run.start_of(name).exists():
            encoder.provenance = provenance_at_start(settings, source, encoder)
            encoder.save(run.start_of(name))


def _train(
    run: RunFolder,
    settings: PretrainSettings,
    source: ClipSource,
    checkpoint: Path | None,
    *,
    quiet: bool,
) -> tuple[Pretraining, Previews]:
    """Train the objective in place."""
    training, objective = settings.training, settings.objective
    stream = BatchStream(
        len(source.videos) or training.batch,
        per_batch=training.batch // training.accumulate // source.clips_per_video,
        total=training.steps * training.accumulate,
        seed=settings.seed,
    )
    module = Pretraining(
        objective,
        augment=settings.augment,
        training=training,
        stream=stream,
        faults=FaultCounter(settings.reading.faults),
        seed=settings.seed,
    )
    if source.manifest is not None:
        module.paths = source.manifest.paths
    observer = Previews(
        run,
        objective,
        sample=source.sample(),
        every=training.preview_every,
        precision=settings.precision,
    )
    checkpoints = Checkpoints(run.checkpoints, every=training.checkpoint_every)
    fit(
        module,
        RunClips(source, stream),
        training=training,
        device=settings.device,
        precision=settings.precision,
        checkpoints=checkpoints,
        callbacks=[observer],
        checkpoint=checkpoint,
        out=run.path,
        quiet=quiet,
    )
    return module, observer


def _finish(
    run: RunFolder,
    settings: PretrainSettings,
    source: ClipSource,
    module: Pretraining,
    observer: Previews,
    *,
    seconds: float,
    quiet: bool,
) -> None:
    """Write the summary and the encoder with its provenance, which may be there from before."""
    stopped_at_the_end = observer.measures is None
    if stopped_at_the_end:
        observer.recall()
    training = settings.training
    device = choose_device(settings.device)
    measures = observer.measures
    clips = training.steps * training.batch
    sentences = [*notes(settings), *([] if measures is None else [measures.words()])]
    summary = {
        "steps": training.steps,
        "seconds": round(seconds, 1),
        "clips": clips,
        "epochs": round(clips / source.clips_per_video / (len(source.videos) or clips), 2),
        "videos": len(source.videos),
        "generated": source.maker,
        "hours": round(source.hours, 4),
        "faults": module.faults.failed,
        "words": sentences,
        "collapse": None if measures is None else measures.as_dict(),
        "losses": observer.latest,
        "precision": resolve_precision(settings.precision, device=device),
        "device": str(device),
        "hardware": hardware(),
    }
    if not (stopped_at_the_end and run.summary.is_file()):
        write_whole(run.summary, json.dumps(summary, indent=2) + "\n")
    if isinstance(settings.objective, Predictive):
        settings.objective.cpu().save(run.objective, overwrite=True)
    for name, encoder in settings.objective.encoders.items():
        encoder.provenance = provenance(settings, source, encoder)
        encoder.cpu().save(run.path / name, overwrite=True)
    run.finish()
    if quiet:
        return
    for sentence in sentences:
        logger.info("%s", sentence)
    flow = settings.reading.flow
    for name in settings.objective.encoders:
        subject = run.path if name == "encoder" else run.path / name
        following = f"selfvid probe {shell_word(subject)} LABELLED.csv"
        if flow is not None:
            following += f" --flow {shell_word(flow)}"
        logger.info("the encoder is in %s; next: %s", run.path / name, following)
