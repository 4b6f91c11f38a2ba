from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfvid.data.clips.sampling import WholeVideo
from selfvid.data.flow.clips import FlowClipDataset
from selfvid.data.flow.estimated import EstimatedFlowDataset
from selfvid.data.flow.folder import FlowFolder, write_rows
from selfvid.data.flow.learnt import LearntFlow
from selfvid.data.flow.origin import FlowReading, find_estimator, open_flow
from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.errors import InputError
from selfvid.flow.estimate import DIS, Farneback
from tests.data.flow.examples import ROW, codes, flowing, written

VIDEO = Manifest((Row(path="a.mp4", video="1", frames=7, rate=25.0, status="ok"),), Path())


@pytest.fixture
def folder(tmp_path: Path) -> FlowFolder:
    place = tmp_path / "flow"
    place.mkdir()
    file = written(place / ROW.path, codes(6, ROW.height, ROW.width))
    write_rows(place, [ROW.__class__(**(vars(ROW) | {"bytes": file.stat().st_size}))])
    return FlowFolder(place)


def test_flow_is_a_folder_a_name_an_estimator_or_a_run(folder: FlowFolder, tmp_path: Path) -> None:
    opened = open_flow(folder.path)
    assert isinstance(opened, FlowFolder)
    assert opened.rows == folder.rows
    assert isinstance(open_flow("dis"), DIS)
    assert isinstance(open_flow(Path("farneback")), Farneback)
    estimator = DIS("fast")
    assert open_flow(estimator) is estimator
    assert open_flow(folder) is folder
    assert isinstance(open_flow(flowing().save(tmp_path / "run" / "encoder").parent), LearntFlow)


def test_what_is_no_flow_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'disk' is no folder; expected a folder that selfvid"):
        open_flow("disk")
    with pytest.raises(InputError, match=r"holds no flow\.csv and no encoder that predicts flow"):
        open_flow(tmp_path)
    with pytest.raises(InputError, match="estimator 'disk' is neither a name nor a folder"):
        find_estimator("disk")


def test_clips_come_from_the_folder_or_the_estimator(folder: FlowFolder) -> None:
    sampling = WholeVideo(frames=2)
    stored = FlowReading(folder).clips(VIDEO, sampling, size=(8, 10))
    assert isinstance(stored, FlowClipDataset)
    assert stored[0].clips[0].frames.shape == (2, 2, 8, 10)
    estimated = FlowReading(DIS(), "both").clips(VIDEO, sampling, size=(16, 16))
    assert isinstance(estimated, EstimatedFlowDataset)
    assert estimated.directions == ("forward", "backward")


def test_a_folder_of_other_videos_size_or_direction_is_refused(folder: FlowFolder) -> None:
    other = Manifest((Row(path="b.mp4", video="2", frames=7),), Path())
    with pytest.raises(InputError, match=r"no forward flow of video 'b\.mp4'; .*run selfvid flow$"):
        FlowReading(folder).check(other, size=(8, 10))
    with pytest.raises(InputError, match="is 8x10; expected 16x16, run selfvid flow with that"):
        FlowReading(folder).check(VIDEO, size=(16, 16))
    with pytest.raises(InputError, match=r"no backward flow .* --direction backward"):
        FlowReading(folder, "both").check(VIDEO, size=(8, 10))
    with pytest.raises(InputError, match="size is 8x10; expected at least 16 pixels"):
        FlowReading(DIS()).check(VIDEO, size=(8, 10))
    FlowReading(folder).check(VIDEO, size=(8, 10))


def test_a_key_names_all_that_fields_depend_on(folder: FlowFolder) -> None:
    readings = [
        FlowReading(folder),
        FlowReading(DIS()),
        FlowReading(DIS("fast")),
        FlowReading(Farneback()),
        FlowReading(DIS(), "both"),
    ]
    keys = [json.dumps(reading.key(VIDEO), sort_keys=True) for reading in readings]
    assert len(set(keys)) == len(keys)
    assert keys[1] == json.dumps(FlowReading(DIS()).key(VIDEO), sort_keys=True)
    assert json.loads(keys[2])["settings"] == {"preset": "fast"}
    json.dumps([reading.about() for reading in readings])
