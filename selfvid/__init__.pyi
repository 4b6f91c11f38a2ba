# The public names and where they stand; `__init__.py` reads them from here.

from selfvid.backbones.alexnet import AlexNet as AlexNet
from selfvid.backbones.baccouche import Baccouche as Baccouche
from selfvid.backbones.c3d import C3D as C3D
from selfvid.backbones.inflated import Inflated as Inflated
from selfvid.backbones.karpathy import (
    EarlyFusion as EarlyFusion,
)
from selfvid.backbones.karpathy import (
    LateFusion as LateFusion,
)
from selfvid.backbones.karpathy import (
    SingleFrame as SingleFrame,
)
from selfvid.backbones.karpathy import (
    SlowFusion as SlowFusion,
)
from selfvid.backbones.patches import PatchNet as PatchNet
from selfvid.backbones.resnet import ResNet as ResNet
from selfvid.backbones.small import SmallNet as SmallNet
from selfvid.backbones.torchvision_video import TorchvisionVideo as TorchvisionVideo
from selfvid.backbones.vgg import VGG16 as VGG16
from selfvid.comparing.command import compare as compare
from selfvid.comparing.fuse.command import fuse as fuse
from selfvid.data.clips.augmentation import Augmentation as Augmentation
from selfvid.data.clips.sampling import (
    PairedClips as PairedClips,
)
from selfvid.data.clips.sampling import (
    RandomClips as RandomClips,
)
from selfvid.data.digits.stream import DigitStream as DigitStream
from selfvid.data.flow.command import compute_flow as compute_flow
from selfvid.data.flow.folder import FlowFolder as FlowFolder
from selfvid.data.flow.learnt import LearntFlow as LearntFlow
from selfvid.data.indexing.command import index as index
from selfvid.data.manifest.manifest import Manifest as Manifest
from selfvid.detecting.evaluate import detect_eval as detect_eval
from selfvid.detecting.run import detect_run as detect_run
from selfvid.detecting.streams import ParallelStreams as ParallelStreams
from selfvid.detecting.train import detect_train as detect_train
from selfvid.encoders.base import Encoder as Encoder
from selfvid.encoders.base import load_encoder as load_encoder
from selfvid.encoders.clip import ClipEncoder as ClipEncoder
from selfvid.encoders.conv_lstm import ConvLSTMEncoder as ConvLSTMEncoder
from selfvid.encoders.frame import FrameEncoder as FrameEncoder
from selfvid.encoders.lstm import LSTMEncoder as LSTMEncoder
from selfvid.encoders.mirrored import MirroredEncoder as MirroredEncoder
from selfvid.encoders.places import PlacesEncoder as PlacesEncoder
from selfvid.encoders.pyramid import Pyramid as Pyramid
from selfvid.encoders.sliding import SlidingEncoder as SlidingEncoder
from selfvid.encoders.vectors import (
    FlatFrames as FlatFrames,
)
from selfvid.encoders.vectors import (
    FlatPatches as FlatPatches,
)
from selfvid.encoders.vectors import (
    Percepts as Percepts,
)
from selfvid.errors import InputError as InputError
from selfvid.features.embed import embed as embed
from selfvid.finetuning.coherence import Coherence as Coherence
from selfvid.finetuning.command import finetune as finetune
from selfvid.finetuning.second_set import SecondData as SecondData
from selfvid.flow.estimate import DIS as DIS
from selfvid.flow.estimate import TVL1 as TVL1
from selfvid.flow.estimate import Farneback as Farneback
from selfvid.flow.raft import RAFT as RAFT
from selfvid.forecasting.command import forecast as forecast
from selfvid.heads.average import Average as Average
from selfvid.heads.base import Head as Head
from selfvid.heads.conv3d_lstm import Conv3dLSTM as Conv3dLSTM
from selfvid.heads.detection import ActivityDetector as ActivityDetector
from selfvid.heads.gru_rcn import GRURCN as GRURCN
from selfvid.heads.lrcn import LRCN as LRCN
from selfvid.heads.mlp import MLP as MLP
from selfvid.objectives.base import Objective as Objective
from selfvid.objectives.conv_forecaster import ConvForecaster as ConvForecaster
from selfvid.objectives.flow_autoencoder import FlowAutoencoder as FlowAutoencoder
from selfvid.objectives.lstm_autoencoder import LSTMAutoencoder as LSTMAutoencoder
from selfvid.objectives.motion_targets import MotionTargets as MotionTargets
from selfvid.objectives.ntxent import (
    NTXent as NTXent,
)
from selfvid.objectives.ntxent import (
    NTXentLoss as NTXentLoss,
)
from selfvid.objectives.pairs import (
    FramePairs as FramePairs,
)
from selfvid.objectives.pairs import (
    PairLoss as PairLoss,
)
from selfvid.objectives.sigreg import (
    SIGReg as SIGReg,
)
from selfvid.objectives.sigreg import (
    SIGRegLoss as SIGRegLoss,
)
from selfvid.objectives.simsiam import (
    SimSiam as SimSiam,
)
from selfvid.objectives.simsiam import (
    SimSiamLoss as SimSiamLoss,
)
from selfvid.objectives.temporal_coherence import (
    MarginLoss as MarginLoss,
)
from selfvid.objectives.temporal_coherence import (
    TemporalCoherence as TemporalCoherence,
)
from selfvid.objectives.temporal_pretext import TemporalPretext as TemporalPretext
from selfvid.objectives.time_changes import Reversed as Reversed
from selfvid.objectives.time_changes import Shuffled as Shuffled
from selfvid.objectives.time_changes import Sorted as Sorted
from selfvid.objectives.time_changes import Sped as Sped
from selfvid.objectives.time_changes import TimeChange as TimeChange
from selfvid.objectives.two_views import TwoViews as TwoViews
from selfvid.objectives.vicreg import (
    VICReg as VICReg,
)
from selfvid.objectives.vicreg import (
    VICRegLoss as VICRegLoss,
)
from selfvid.objectives.window_pairs import WindowPairs as WindowPairs
from selfvid.pretraining.command import pretrain as pretrain
from selfvid.probing.baselines.base import Baseline as Baseline
from selfvid.probing.command import probe as probe
from selfvid.reports.page import report as report
from selfvid.training.schedule import Training as Training

__version__: str
__all__: list[str]
