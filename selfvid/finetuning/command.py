"""The command `selfvid finetune`: train any head on any encoder and test it on whole videos."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfvid.compute import Device, Precision
from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.crops import Crop
from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.clips.sampling import EvenClips, RandomClips, Sampling
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import DecoderName
from selfvid.encoders.base import Encoder, Provenance, load_encoder
from selfvid.errors import InputError
from selfvid.finetuning.coherence import Coherence
from selfvid.finetuning.folds import FinetuneRun
from selfvid.finetuning.result import FinetuneResult
from selfvid.finetuning.second_set import SecondData
from selfvid.finetuning.settings import FinetuneSettings
from selfvid.finetuning.stages import first_stage
from selfvid.heads.base import HeadFactory
from selfvid.training.clips import ClipReading
from selfvid.training.rates import Rates
from selfvid.training.run_folder import warm_start
from selfvid.training.schedule import Training

DEFAULT_FRAMES = 16  # of a clip, if the encoder states no length: the length that C3D reads
POSITIONS = 10  # test clips along a video, as many as C3D averages


def finetune(
    data: Path | str,
    out: Path | str,
    *,
    head: HeadFactory,
    encoder: Encoder | None = None,
    init: Path | str | None = None,
    label: str = "label",
    clips: Sampling | None = None,
    views: Sampling | None = None,
    size: int | list[int] | None = None,
    flow: Path | str | None = None,
    crop: Crop | None = None,
    augment: Augmentation | None = None,
    rates: dict[str, float] | None = None,
    training: Training = Training(),
    balanced: bool = False,
    coherence: Coherence | str | None = None,
    cache: int | None = None,
    cache_folder: Path | str | None = None,
    second: SecondData | str | None = None,
    folds: int | None = None,
    score_training: bool = False,
    decoder: DecoderName = "auto",
    decoded: Path | str | None = None,
    workers: int | None = None,
    device: Device = "auto",
    precision: Precision = "auto",
    faults: FaultPolicy = FaultPolicy(),
    seed: int = 0,
    resume: bool = False,
    quiet: bool = False,
) -> FinetuneResult:
    """Train a head on labelled videos, and its encoder or parts of it too; then test both.

    Args:
        data: manifest of the labelled videos, as `index` writes it.
        out: folder for the run; it must not exist yet.
        head: class of the head and its arguments, without widths and classes.
        encoder: the network below the head; by default the encoder of `init`.
        init: a run or an encoder whose weights training starts from. If it is a run of several
            folds, each fold starts from the encoder of the same fold.
        label: column of the labels.
        clips: which frames of a video make a training clip. By default a clip starts at random
            and has the length and the spacing of frames that the encoder was trained on.
        views: which clips of a test video are classified; their probabilities are averaged. By
            default ten clips, evenly spread over the video.
        size: H and W that frames are resized to while decoding, or one number for both. By
            default the size that the encoder was trained on, or 64 if it has none.
        flow: optical flow, for an encoder that takes flow: a folder that `selfvid flow` wrote, or
            an estimator that is applied while videos are read, such as dis.
        crop: smaller frames that are cut from the decoded ones: at random places in training, at
            fixed places in tests.
        augment: random changes to clips, computed on the device.
        rates: factors of the learning rate by part, such as encoder: 0.1; 0 freezes a part.
        training: steps, batch, optimiser and the like.
        balanced: whether each place of a batch first draws a class, then a video of that class.
        coherence: manifest of unlabelled videos, for joint training with temporal coherence:
            after each supervised step, a pull step and a push step are made on these videos.
            The steps of training are the supervised ones.
        cache: number of clips of each training video whose features are kept. The encoder must be
            frozen; it processes each video once, and the head is trained on the kept features. By
            default clips are cut and encoded anew for every step.
        cache_folder: folder where features are kept, also for other heads on the same encoder. By
            default they are kept in the run's folder until the run ends.
        second: manifest of a second labelled data set, for multi-task training: a second head on
            the same encoder is trained on it in the same steps. Its name in rates is second_head.
        folds: number of folds by group, if the manifest has no split and no folds of its own; 5 by
            default.
        score_training: also write the scores of the training videos, which `fuse --how svm` is
            fitted on.
        decoder: auto, decord or pyav.
        decoded: folder that keeps decoded frames at training size, so that a video is decoded
            once and not at every step. A video takes frames x H x W x 3 bytes.
        workers: number of loading processes; by default one less than cores, at most 8.
        device: device that computes: auto, cpu, cuda or mps; auto uses a GPU if there is one.
        precision: auto, float32 or bfloat16; auto uses bfloat16 autocast if the hardware
            multiplies bfloat16 natively.
        faults: how many clips may fail in training before the run stops.
        seed: seed of everything random in the run.
        resume: continue the run in `out`.
        quiet: print neither the progress nor the result.

    Returns:
        The accuracy with its 95 % interval, further figures and the protocol. The run's folder
        has them in result.json, beside scores.csv.

    Raises:
        InputError: If an argument is not as expected.
        Interrupted: If Ctrl-C or SIGTERM ended the run; the last step was saved first.
    """
    # The arguments may be objects, which no command line can state; the recipe states them.
    command = f"selfvid finetune --config {shlex.quote(f'{out}/recipe.yaml')} --out NEW_FOLDER"
    videos = Manifest.read_labelled(str(data), label)
    network = _network(encoder, init)
    trained_on = network.provenance
    chosen = default_clips(trained_on) if clips is None else clips
    second = SecondData(data=second) if isinstance(second, str) else second
    settings = FinetuneSettings(
        data=str(data),
        out=str(out),
        encoder=network,
        head=head(network.widths, len(videos.classes(label))),
        init=None if init is None else str(init),
        label=label,
        clips=chosen,
        views=default_views(chosen) if views is None else views,
        crop=crop,
        augment=augment,
        reading=ClipReading.of(
            size=trained_on.size if size is None else size,
            flow=flow,
            decoder=decoder,
            decoded=decoded,
            workers=workers,
            faults=faults,
        ),
        rates=Rates(rates or {}),
        training=training,
        balanced=balanced,
        coherence=Coherence(data=coherence) if isinstance(coherence, str) else coherence,
        cache=cache,
        cache_folder=None if cache_folder is None else str(cache_folder),
        second=second,
        second_head=None if second is None else head(network.widths, len(second.classes)),
        device=device,
        precision=precision,
        seed=seed,
    )
    run = FinetuneRun(settings, videos, folds=folds, score_training=score_training, quiet=quiet)
    result = run.carry_out(resume=resume, command=command)
    if not quiet:
        print(result)
    return result


def _network(encoder: Encoder | None, init: Path | str | None) -> Encoder:
    if encoder is None and init is None:
        raise InputError("neither encoder nor init is given; expected one of them, or both")
    if encoder is None:
        assert init is not None
        return load_encoder(first_stage(init))
    if init is not None:
        warm_start(encoder, first_stage(init))
    return encoder


def default_clips(trained_on: Provenance) -> RandomClips:
    """Return random clips with the length and spacing of frames that an encoder was trained on."""
    frames = DEFAULT_FRAMES if trained_on.frames is None else trained_on.frames
    return RandomClips(frames=frames, stride=trained_on.stride, fps=trained_on.fps)


def default_views(clips: Sampling) -> Sampling:
    """Return clips that are spread evenly along a video and otherwise as in training."""
    if not isinstance(clips, RandomClips):
        return clips
    spacing: Mapping[str, Any] = {name: getattr(clips, name) for name in ("stride", "fps", "short")}
    return EvenClips(frames=clips.frames, clips=POSITIONS, **spacing)
