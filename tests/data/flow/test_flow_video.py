from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from selfvid.data.flow.folder import FlowWriter, read_flow_video
from selfvid.data.video.reader import DecodeError


def codes(count: int, height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 2, height, width), generator=generator).to(torch.uint8)


def written(path: Path, values: Tensor, *, rate: float = 25.0) -> Path:
    with FlowWriter(path, rate=rate, comment="test") as file:
        for some in values.split(4):
            file.append(some)
    return path


@pytest.mark.parametrize("size", [(16, 16), (7, 9), (33, 50)])
@pytest.mark.parametrize("rate", [7.5, 29.97, 5000.0])
def test_every_code_comes_back(tmp_path: Path, size: tuple[int, int], rate: float) -> None:
    values = codes(10, *size)
    path = written(tmp_path / "flow.mkv", values, rate=rate)
    assert (read_flow_video(path, range(10)) == values).all()


def test_fields_come_in_the_order_asked(tmp_path: Path) -> None:
    values = codes(20, 8, 8)
    path = written(tmp_path / "flow.mkv", values)
    asked = [17, 3, 3, 19, 0, 4]
    assert (read_flow_video(path, asked) == values[asked]).all()


def test_a_field_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "flow.mkv", codes(5, 8, 8))
    with pytest.raises(IndexError, match="frame 5 does not exist; expected 0 to 4"):
        read_flow_video(path, [4, 5])


def test_a_damaged_film_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "flow.mkv", codes(5, 8, 8))
    path.write_bytes(b"no file any more" * 9)
    with pytest.raises(DecodeError, match="cannot be opened"):
        read_flow_video(path, [0])


def test_any_ffmpeg_reads_it_as_x_above_y(tmp_path: Path) -> None:
    values = codes(3, 6, 10)
    path = written(tmp_path / "flow.mkv", values)
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "ffv1"
        assert container.metadata["COMMENT"] == "test"
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    for field, picture in zip(values.numpy(), pictures, strict=True):
        assert np.array_equal(picture[:6], field[0])
        assert np.array_equal(picture[6:], field[1])
