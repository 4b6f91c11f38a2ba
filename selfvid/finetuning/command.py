"""`selfvid finetune`: any head on any encoder, trained with labels and tested on whole videos."""

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

DEFAULT_FRAMES = 16
POSITIONS = 10


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
    """Train a head, and as much of its encoder as is wanted, on labelled videos; then test it.

    Args:
        data: manifest of the labelled videos, as `index` writes it.
        out: folder for the run; must not exist yet.
        head: class of the head and its arguments, without widths and classes.
        encoder: the network under it; left out, the one of `init` is taken as it is.
        init: a run or encoder to start from; of a run of several folds, each fold starts from
            the same fold's encoder.
        label: column of the labels.
        clips: which frames of a video make a clip in training; by default random ones, as long
            and as far apart as the encoder is used to.
        views: which clips of a test video are classified and averaged; by default ten, evenly
            spread.
        size: H and W that frames are resized to while decoding, or one number for both; by
            default what the encoder is used to, else 64.
        flow: folder of the videos' optical flow, for an encoder of flow.
        crop: smaller frames cut from those, by chance in training and at fixed places in tests.
        augment: random changes to clips, on the device.
        rates: factor of the learning rate by part, such as encoder: 0.1; 0 freezes a part.
        training: steps, batch, optimiser and the like.
        balanced: whether each place of a batch draws a class first, then a video of it.
        coherence: unlabelled footage, a manifest; after each supervised step a pull and a push
            step are made on it. steps of training counts the supervised ones.
        cache: clips of each training video whose features are kept, of an encoder that is wholly
            frozen; it sees each video once, and the head learns from what was kept. By default
            clips are cut and encoded anew for every step.
        cache_folder: where features are kept, for other heads on the same encoder too; by default
            in the run, until it ends.
        second: a second labelled data set, a manifest; a second head is trained on it in the same
            steps, on the same encoder. Rates name that head second_head.
        folds: number of folds by group, where the manifest has no split of its own; 5 by default.
        score_training: also score the training part, which fusing by SVM is fitted on.
        decoder: auto, decord or pyav.
        decoded: folder that keeps decoded frames at training size, so that a video is decoded
            once and not at every step; frames x H x W x 3 bytes for each.
        workers: loading processes; by default one less than cores, at most 8.
        device: where the run computes: auto, cpu, cuda or mps; auto is a GPU where there is one.
        precision: auto, float32 or bfloat16; auto is bfloat16 autocast where the hardware
            multiplies it natively.
        faults: how many clips may fail in training before the run stops.
        seed: of everything random in the run.
        resume: continue the run in `out`.
        quiet: print neither progress nor result.

    Returns:
        Accuracy with its interval and the protocol; in the folder beside scores.csv.

    Raises:
        InputError: where something handed in is not as expected.
        Interrupted: where Ctrl-C or SIGTERM ended the run; its last step was saved first.
    """
    # What was asked for holds objects; the recipe that the run leaves has them in words.
    asked = f"selfvid finetune --config {shlex.quote(f'{out}/recipe.yaml')} --out NEW_FOLDER"
    videos = Manifest.read_labelled(str(data), label)
    network = _network(encoder, init)
    used_to = network.provenance
    chosen = default_clips(used_to) if clips is None else clips
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
            size=used_to.size if size is None else size,
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
    result = run.carry_out(resume=resume, asked=asked)
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


def default_clips(used_to: Provenance) -> RandomClips:
    """Random clips as long and as far apart as the encoder is used to."""
    frames = DEFAULT_FRAMES if used_to.frames is None else used_to.frames
    return RandomClips(frames=frames, stride=used_to.stride, fps=used_to.fps)


def default_views(clips: Sampling) -> Sampling:
    """Clips spread evenly along a video, otherwise as in training."""
    if not isinstance(clips, RandomClips):
        return clips
    spacing: Mapping[str, Any] = {name: getattr(clips, name) for name in ("stride", "fps", "short")}
    return EvenClips(frames=clips.frames, clips=POSITIONS, **spacing)
