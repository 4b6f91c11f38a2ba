"""Learn video encoders from footage nobody labelled, and measure whether that helped.

Names are imported when they are first used, so that ``import selfvid`` costs nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "InputError": "selfvid.errors",
    "SmallNet": "selfvid.backbones.small",
    "ResNet": "selfvid.backbones.resnet",
    "VGG16": "selfvid.backbones.vgg",
    "AlexNet": "selfvid.backbones.alexnet",
    "FrameEncoder": "selfvid.encoders.frame",
    "SingleFrame": "selfvid.backbones.karpathy",
    "EarlyFusion": "selfvid.backbones.karpathy",
    "LateFusion": "selfvid.backbones.karpathy",
    "SlowFusion": "selfvid.backbones.karpathy",
    "C3D": "selfvid.backbones.c3d",
    "TorchvisionVideo": "selfvid.backbones.torchvision_video",
    "Inflated": "selfvid.backbones.inflated",
    "Baccouche": "selfvid.backbones.baccouche",
    "ClipEncoder": "selfvid.encoders.clip",
    "SlidingEncoder": "selfvid.encoders.sliding",
    "PatchNet": "selfvid.backbones.patches",
    "ConvLSTMEncoder": "selfvid.encoders.conv_lstm",
    "LSTMEncoder": "selfvid.encoders.lstm",
    "FlatFrames": "selfvid.encoders.vectors",
    "FlatPatches": "selfvid.encoders.vectors",
    "Percepts": "selfvid.encoders.vectors",
    "load_encoder": "selfvid.encoders.base",
    "Manifest": "selfvid.data.manifest.manifest",
    "index": "selfvid.data.indexing.command",
    # "flow" is the package of its maths, so that the command of that name has another here.
    "compute_flow": "selfvid.data.flow.command",
    "FlowFolder": "selfvid.data.flow.folder",
    "DIS": "selfvid.flow.estimate",
    "Farneback": "selfvid.flow.estimate",
    "TVL1": "selfvid.flow.estimate",
    "RAFT": "selfvid.flow.raft",
    "LearntFlow": "selfvid.data.flow.learnt",
    "TemporalCoherence": "selfvid.objectives.temporal_coherence",
    "VICReg": "selfvid.objectives.vicreg",
    "SIGReg": "selfvid.objectives.sigreg",
    "NTXent": "selfvid.objectives.ntxent",
    "SimSiam": "selfvid.objectives.simsiam",
    "FlowAutoencoder": "selfvid.objectives.flow_autoencoder",
    "ConvForecaster": "selfvid.objectives.conv_forecaster",
    "LSTMAutoencoder": "selfvid.objectives.lstm_autoencoder",
    "DigitStream": "selfvid.data.digits.stream",
    "RandomClips": "selfvid.data.clips.sampling",
    "Augmentation": "selfvid.data.clips.augmentation",
    "Training": "selfvid.training.schedule",
    "Also": "selfvid.finetuning.settings.second_set",
    "pretrain": "selfvid.pretraining.command",
    "probe": "selfvid.probing.command",
    "forecast": "selfvid.forecasting.command",
    "fuse": "selfvid.comparing.fuse.command",
    "compare": "selfvid.comparing.command",
    "finetune": "selfvid.finetuning.command",
    "Average": "selfvid.heads.average",
    "LRCN": "selfvid.heads.lrcn",
    "GRURCN": "selfvid.heads.gru_rcn",
    "MLP": "selfvid.heads.mlp",
    "Conv3dLSTM": "selfvid.heads.conv3d_lstm",
    "ActivityDetector": "selfvid.heads.detection",
    "detect_train": "selfvid.detecting.train",
    "detect_run": "selfvid.detecting.run",
    "detect_eval": "selfvid.detecting.evaluate",
    "embed": "selfvid.features.embed",
    "report": "selfvid.reports.page",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'selfvid' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
