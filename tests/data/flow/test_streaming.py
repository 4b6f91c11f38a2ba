from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from selfvid.data.flow.folder import FlowFolder
from selfvid.data.flow.origin import FlowReading
from selfvid.data.flow.streaming import FlowStream
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video import streaming
from selfvid.data.video.streaming import ClipStream
from selfvid.errors import InputError
from selfvid.flow.estimate import DIS
from tests.data.flow.test_work import Levels
from tests.data.footage import numbered_video

pytestmark = pytest.mark.slow


def test_clips_are_the_fields_of_the_video_in_order(
    digits_manifest: Path, digits_flow: Path
) -> None:
    manifest = Manifest.read(digits_manifest)
    row, folder = manifest.rows[0], FlowFolder(digits_flow)
    path = manifest.path_of(row)
    found = []
    for origin in (folder, DIS()):
        with FlowStream(path, flow=FlowReading(origin, "both"), frames=3, size=(32, 32)) as stream:
            assert stream.clips == (row.frames - 1) // 3 == 2
            found.append(torch.cat(list(stream)))
            times, spans = stream.times, stream.spans
    ways = [folder.read(row.video, range(6), direction=d).pixels() for d in ("forward", "backward")]
    assert torch.equal(found[0].flatten(0, 1), torch.cat(ways, 1))
    assert torch.equal(found[0], found[1])
    with ClipStream(path, frames=3, size=(32, 32)) as pixels:
        np.testing.assert_allclose(times, pixels.times[:2])
        np.testing.assert_allclose(spans, pixels.spans[:2])


def test_a_clip_of_flow_needs_one_frame_more_than_fields(tmp_path: Path) -> None:
    video = numbered_video(tmp_path / "a.mp4", frames=8)
    reading = FlowReading(Levels())
    for frames, clips in ((4, 1), (7, 1), (8, 0)):
        with FlowStream(video, flow=reading, frames=frames, size=(32, 64)) as stream:
            assert (stream.clips, stream.times.shape) == (clips, (clips, frames))
            assert len(list(stream)) == min(clips, 1)


def test_no_frame_is_decoded_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "_AT_ONCE", 4)
    video = numbered_video(tmp_path / "a.mp4", frames=14)
    with FlowStream(video, flow=FlowReading(Levels()), frames=2, size=(32, 64)) as stream:
        read = stream._reader.read
        seen: list[int] = []

        def counted(numbers: np.ndarray) -> np.ndarray:
            seen.extend(int(number) for number in numbers)
            return read(numbers)

        monkeypatch.setattr(stream._reader, "read", counted)
        assert sum(len(block) for block in stream) == 6
    assert seen == list(range(13))


def test_flow_of_another_video_is_an_error(digits_flow: Path, tmp_path: Path) -> None:
    video = numbered_video(tmp_path / "other.mp4", frames=8)
    with pytest.raises(InputError, match=r"no forward flow of video '.*other\.mp4'"):
        FlowStream(video, flow=FlowReading(FlowFolder(digits_flow)), frames=3, size=(32, 32))
