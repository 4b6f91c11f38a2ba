import json
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.image import imread

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.sampling import PairedClips, RandomClips
from selfvid.data.digits.stream import DigitStream
from selfvid.data.flow.command import compute_flow
from selfvid.encoders.base import load_encoder
from selfvid.encoders.flow_input import FlowFields, FlowStack
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput
from selfvid.encoders.lstm import LSTMEncoder
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.encoders.stack import Stack
from selfvid.encoders.vectors import FlatFrames
from selfvid.errors import InputError
from selfvid.objectives.descriptors import MotionDescriptor
from selfvid.objectives.lstm_autoencoder import LSTMAutoencoder
from selfvid.objectives.motion_targets import MotionTargets
from selfvid.objectives.two_views import TwoViews
from selfvid.objectives.vicreg import VICReg, VICRegLoss
from selfvid.objectives.window_pairs import WindowPairs
from selfvid.pretraining.command import pretrain
from selfvid.reports.page import report
from selfvid.training.schedule import Training

pytestmark = pytest.mark.slow

PLAN = Training(steps=2, batch=4, warmup=0, preview_every=1)


@pytest.fixture(scope="module")
def flow(digits_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("flow") / "flow"
    compute_flow(digits_manifest, out=out, size=16, workers=1, quiet=True)
    return out


def on_flow() -> LSTMAutoencoder:
    encoder = LSTMEncoder(FlatFrames((16, 16), input=FlowFields()), hidden=8)
    return LSTMAutoencoder(encoder, future=2, loss="squared_error")


def test_an_lstm_learns_from_flow(digits_manifest: Path, flow: Path, tmp_path: Path) -> None:
    run = pretrain(
        digits_manifest, tmp_path / "run", objective=on_flow(), flow=flow, training=PLAN,
        clips=RandomClips(frames=6), workers=0,
    )  # fmt: skip
    encoder = load_encoder(run)
    assert encoder.in_channels == 2
    assert encoder.provenance.size == (16, 16)
    assert encoder.provenance.flow == 'dis {"preset": "medium"}'
    assert list((run / "pictures").glob("forecast-*.png"))


def test_frame_pairs_learn_from_stacks_of_flow(
    digits_manifest: Path, flow: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "selfvid")
    stacks = FrameEncoder(SmallNet(channels=4, stages=(8,)), input=FlowStack(2))
    run = pretrain(
        digits_manifest,
        tmp_path / "run",
        objective=VICReg(SlidingEncoder(stacks, stride=2), projection=8),
        flow=flow,
        training=PLAN,
        clips=RandomClips(frames=4),
        workers=0,
    )
    picture = imread(next((run / "pictures").glob("neighbours-*.png")))
    assert (picture[..., :3].max(-1) > picture[..., :3].min(-1)).any()  # in colour
    assert f"selfvid probe {run} LABELLED.csv --flow {flow}" in caplog.messages[-1]
    page = report(run, quiet=True).read_text()
    assert f"selfvid probe {run} {digits_manifest} --flow {flow}" in page


@pytest.mark.parametrize("origin", ["folder", "dis"])
def test_an_encoder_of_pixels_learns_from_motion_targets(
    origin: str, digits_manifest: Path, flow: Path, tmp_path: Path
) -> None:
    stacks = Stack(DifferenceInput("grey"), length=2)
    encoder = FrameEncoder(SmallNet(channels=2, stages=(8,), grid=2), input=stacks)
    run = pretrain(
        digits_manifest,
        tmp_path / "run",
        objective=MotionTargets(encoder, motion=MotionDescriptor(grids=(4,))),
        flow=flow if origin == "folder" else origin,
        training=PLAN,
        clips=RandomClips(frames=4, stride=2),
        size=16,
        augment=Augmentation(flip=0.5),
        workers=0,
    )
    made = load_encoder(run)
    assert (made.in_channels, made.provenance.flow) == (3, "")
    assert made.provenance.size == (16, 16)
    assert list((run / "pictures").glob("motion-*.png"))
    noted = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert all(line["motion"] > 0 for line in noted if "motion" in line)


def test_what_motion_targets_cannot_use_is_refused(
    digits_manifest: Path, flow: Path, tmp_path: Path
) -> None:
    stacks = Stack(DifferenceInput("grey"), length=2)
    encoder = FrameEncoder(SmallNet(channels=2, stages=(8,)), input=stacks)
    common = {"objective": MotionTargets(encoder, motion=MotionDescriptor(grids=(4,)))}
    for changed, named in (
        ({"flow": None}, "needs flow beside its clips, and flow is null; expected a folder"),
        ({"clips": RandomClips(frames=2)}, "clips of 2 frames are too short for MotionTargets"),
        ({"augment": Augmentation(view=1)}, "expected view null and reverse 0"),
        ({"augment": Augmentation(reverse=0.5)}, "expected view null and reverse 0"),
        ({"size": 32}, "is 16x16; expected 32x32"),
        ({"data": DigitStream()}, "MotionTargets needs flow beside its clips, which clips that"),
    ):
        settings: dict[str, Any] = {"data": digits_manifest, "flow": flow, "workers": 0}
        settings |= {"clips": RandomClips(frames=3), "training": PLAN} | common | changed
        with pytest.raises(InputError, match=named):
            pretrain(out=tmp_path / "run", **settings)


def test_two_views_leave_two_encoders(
    digits_manifest: Path, flow: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def views(seed: int) -> TwoViews:
        torch.manual_seed(seed)
        net = SmallNet(channels=4, stages=(8,))
        return TwoViews(
            FrameEncoder(SmallNet(channels=1, stages=(8,))),
            flow_encoder=FrameEncoder(net, input=FlowStack(2)), loss=VICRegLoss(projection=8),
        )  # fmt: skip

    with caplog.at_level("INFO"):
        run = pretrain(
            digits_manifest, tmp_path / "run", objective=views(0), flow=flow, training=PLAN,
            clips=RandomClips(frames=5), workers=0,
        )  # fmt: skip
    assert f"selfvid probe {run / 'flow_encoder'} LABELLED.csv --flow {flow}" in caplog.text
    pixels, motion = load_encoder(run), load_encoder(run / "flow_encoder")
    assert (pixels.in_channels, motion.in_channels) == (3, 2)
    assert (pixels.provenance.frames, motion.provenance.frames) == (5, 4)
    assert (pixels.provenance.flow, motion.provenance.flow) == ("", 'dis {"preset": "medium"}')
    assert pixels.provenance.footage == motion.provenance.footage
    began = load_encoder(run / "flow_encoder_at_start").state_dict()
    assert any(not torch.equal(began[name], motion.state_dict()[name]) for name in began)
    again = pretrain(
        digits_manifest, tmp_path / "again", objective=views(1), flow=flow, training=PLAN,
        clips=RandomClips(frames=5), workers=0, init=run, quiet=True,
    )  # fmt: skip
    begun = load_encoder(again / "flow_encoder_at_start").state_dict()
    assert all(torch.equal(begun[name], motion.state_dict()[name]) for name in begun)


def test_pairs_of_windows_of_flow_are_views_changed_on_their_own(
    digits_manifest: Path, flow: Path, tmp_path: Path
) -> None:
    objective = WindowPairs(on_flow().encoder, loss=VICRegLoss(projection=8), segments=2)
    run = pretrain(
        digits_manifest, tmp_path / "run", objective=objective, flow=flow,
        training=PLAN, clips=PairedClips(frames=4, apart=3), workers=0,
        augment=Augmentation(crop=0.2, brightness=0, contrast=0, saturation=0, grey=0, flip=0.5,
                             view=4),
    )  # fmt: skip
    assert load_encoder(run).provenance.frames == 4
    assert list((run / "pictures").glob("neighbours-*.png"))


def test_pixels_and_flow_are_not_mixed_up(
    digits_manifest: Path, flow: Path, tmp_path: Path
) -> None:
    pixels = VICReg(FrameEncoder(SmallNet(channels=1, stages=(8,))))
    with pytest.raises(InputError, match="but the encoder takes pixels"):
        pretrain(digits_manifest, tmp_path / "a", objective=pixels, flow=flow, training=PLAN)
    with pytest.raises(InputError, match="the encoder takes flow, and flow is null"):
        pretrain(digits_manifest, tmp_path / "b", objective=on_flow(), training=PLAN)
    with pytest.raises(InputError, match=r"augmentation has brightness 0\.4"):
        pretrain(
            digits_manifest, tmp_path / "c", objective=on_flow(), flow=flow, training=PLAN,
            augment=Augmentation(),
        )  # fmt: skip
