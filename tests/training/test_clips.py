from pathlib import Path
from typing import Any

import pytest

from selfvid.backbones.small import SmallNet
from selfvid.compute import loading_workers
from selfvid.data.clips.faults import FaultPolicy
from selfvid.data.clips.sampling import RandomClips
from selfvid.data.flow.beside import ClipsWithFlow
from selfvid.data.flow.estimated import EstimatedFlowDataset
from selfvid.data.flow.folder import write_rows
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.manifest.rows import Row
from selfvid.encoders.flow_input import FlowStack
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.training.clips import DEFAULT_SIZE, ClipReading, check_input, size_pair

PIXELS = FrameEncoder(SmallNet(channels=1, stages=(8,)))
FLOW = FrameEncoder(SmallNet(channels=4, stages=(8,)), input=FlowStack(2))
VIDEOS = Manifest((Row(path="a.mp4", video="a", frames=9), Row(path="b.mp4", video="b")), Path())


def reading(**changed: Any) -> ClipReading:
    settings: dict[str, Any] = {
        "size": None, "flow": None, "decoder": "auto", "decoded": None, "workers": 0,
        "faults": FaultPolicy(),
    }  # fmt: skip
    return ClipReading.of(**(settings | changed))


def test_a_size_may_be_one_number_or_two() -> None:
    assert size_pair(None) is None
    assert size_pair(48) == size_pair([48, 48]) == (48, 48)
    assert size_pair((48, 64)) == (48, 64)
    for wrong in (0, [48], [48, -1], [1, 2, 3]):
        with pytest.raises(InputError, match="size must be one positive number or H and W"):
            size_pair(wrong)


def test_settings_as_plain_data_give_the_same_settings_again() -> None:
    made = reading(size=[48, 64], flow=Path("flow"), workers=3, faults=FaultPolicy(share=0.2))
    plain = made.recipe()
    assert plain["size"] == [48, 64]
    assert plain["flow"] == "flow"
    assert ClipReading.of(**(plain | {"faults": FaultPolicy(**plain["faults"])})) == made


def test_workers_are_checked_and_follow_the_cores_by_default() -> None:
    assert reading(workers=3).processes == 3
    assert reading(workers=None).processes == loading_workers(None)
    with pytest.raises(InputError, match="workers is -1; expected 0 or more"):
        reading(workers=-1)


def test_a_data_set_of_pixels_has_the_settings() -> None:
    rule = RandomClips(frames=2)
    dataset = reading(size=[16, 8], faults=FaultPolicy(share=0.5)).dataset(VIDEOS, rule, PIXELS)
    assert dataset.manifest is VIDEOS
    assert dataset.sampling is rule
    assert (dataset.size, dataset.faults.share) == ((16, 8), 0.5)
    assert reading().dataset(VIDEOS, rule, PIXELS).size == DEFAULT_SIZE
    strict = reading().dataset(VIDEOS, rule, PIXELS, faults=FaultPolicy(share=0), seed=7)
    assert strict.faults.strict
    assert strict.seed == 7


def test_pixels_and_flow_go_to_the_encoder_that_takes_them(tmp_path: Path) -> None:
    check_input(PIXELS, None)
    check_input(FLOW, "flow")
    with pytest.raises(InputError, match="the encoder takes flow, and flow is null"):
        reading().dataset(VIDEOS, RandomClips(frames=2), FLOW)
    with pytest.raises(InputError, match="flow is 'flow' but the encoder takes pixels"):
        reading(flow="flow").dataset(VIDEOS, RandomClips(frames=2), PIXELS)
    write_rows(tmp_path, [])  # a folder of flow of no video
    kept = reading(flow=tmp_path, decoded="kept", size=16)
    with pytest.raises(InputError, match="decoded is 'kept' but clips are flow; expected null"):
        kept.dataset(VIDEOS, RandomClips(frames=2), FLOW)


def test_flow_is_estimated_for_encoders_of_flow_and_beside_pixels() -> None:
    rule = RandomClips(frames=2)
    of_flow = reading(flow="dis").dataset(VIDEOS, rule, FLOW)
    assert isinstance(of_flow, EstimatedFlowDataset)
    beside = reading(flow="dis", size=32).dataset(VIDEOS, rule, PIXELS, beside=True)
    assert isinstance(beside, ClipsWithFlow)
    assert (of_flow.size, beside.size) == (DEFAULT_SIZE, (32, 32))
    assert reading(flow="dis").estimators == 'dis {"preset": "medium"}'
    assert reading().estimators == ""
    with pytest.raises(InputError, match="objective needs flow beside its clips, and flow is null"):
        reading().dataset(VIDEOS, rule, PIXELS, beside=True)
    with pytest.raises(InputError, match="flow 'nowhere' is no folder; expected a folder that"):
        reading(flow="nowhere").dataset(VIDEOS, rule, PIXELS, beside=True)
