from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from selfvid.data.video import encode
from selfvid.data.video.encode import CONTAINERS, Codec, GreyWriter, write_video
from selfvid.errors import InputError


def moving_square(frames: int = 12, size: int = 64) -> Tensor:
    pixels = torch.zeros(frames, 3, size, size, dtype=torch.uint8)
    for time in range(frames):
        pixels[time, :, 8 : 8 + 20, 2 * time : 2 * time + 20] = 255
    return pixels


def decoded(path: Path) -> tuple[Tensor, list[float]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    pixels = np.stack([frame.to_ndarray(format="rgb24") for frame in frames])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2), [float(frame.time) for frame in frames]


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
@pytest.mark.parametrize("suffix", CONTAINERS)
def test_grey_footage_comes_back_almost_unchanged(
    tmp_path: Path, codec: Codec, suffix: str
) -> None:
    frames = moving_square()
    write_video(tmp_path / f"square{suffix}", frames, codec=codec)
    pixels, times = decoded(tmp_path / f"square{suffix}")
    assert pixels.shape == frames.shape
    assert (pixels.float() - frames.float()).abs().mean() < 1
    assert np.allclose(np.diff(times), 1 / 25, atol=1e-3)


def test_channels_come_back_in_their_order(tmp_path: Path) -> None:
    frames = torch.zeros(4, 3, 32, 32, dtype=torch.uint8)
    frames[:, 0], frames[:, 1], frames[:, 2] = 200, 120, 40
    write_video(tmp_path / "plain.mp4", frames)
    pixels, _ = decoded(tmp_path / "plain.mp4")
    assert (pixels.float() - frames.float()).abs().max() < 4


def test_frames_are_shown_at_the_given_rate(tmp_path: Path) -> None:
    write_video(tmp_path / "slow.mp4", moving_square(), rate=12.5)
    _, times = decoded(tmp_path / "slow.mp4")
    assert times == pytest.approx([n / 12.5 for n in range(12)])


def test_same_frames_make_the_same_file(tmp_path: Path) -> None:
    for name in ("one.mp4", "two.mp4"):
        write_video(tmp_path / name, moving_square())
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_encoding_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept.mp4").write_bytes(b"old")

    def fail_half_way(path: Path, *_: object, **__: object) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("disk full")

    monkeypatch.setattr(encode, "_encode", fail_half_way)
    with pytest.raises(RuntimeError, match="disk full"):
        write_video(tmp_path / "kept.mp4", moving_square())
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("kept.mp4", b"old")]


@pytest.mark.parametrize(
    ("name", "frames", "rate", "message"),
    [
        ("a.mp4", moving_square().float(), 25, r"float32 \(12, 3, 64, 64\); expected uint8"),
        ("a.mp4", moving_square()[:, :1], 25, r"\(12, 1, 64, 64\); expected uint8 \(T, 3, H, W\)"),
        ("a.mp4", moving_square()[:0], 25, "at least one frame"),
        ("a.mp4", moving_square()[..., :63], 25, "expected even H and W"),
        ("a.txt", moving_square(), 25, "ends in '.txt'; expected one of"),
        ("no/a.mp4", moving_square(), 25, "does not exist"),
        ("a.mp4", moving_square(), 0, "rate is 0 frames per second"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line(
    tmp_path: Path, name: str, frames: Tensor, rate: float, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        write_video(tmp_path / name, frames, rate=rate)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_grey_pictures_come_back_to_the_bit_with_comment_and_rate(tmp_path: Path) -> None:
    file = tmp_path / "grey.mkv"
    pictures = np.random.default_rng(0).integers(0, 256, (5, 7, 9), np.uint8)
    with GreyWriter(file, rate=12.5, comment="what it is") as writer:
        writer.write(pictures[:2])
        writer.write(pictures[2:])
    with av.open(str(file)) as container:
        assert container.metadata["COMMENT"] == "what it is"
        assert container.streams.video[0].average_rate == 12.5
        frames = list(container.decode(video=0))
    np.testing.assert_array_equal([frame.to_ndarray() for frame in frames], pictures)


@pytest.mark.parametrize(
    ("rate", "written"), [(0.01, 1.0), (1e6, 1000.0), (30000 / 1001, 29.97003)]
)
def test_rates_that_no_player_knows_become_the_nearest_one(
    tmp_path: Path, rate: float, written: float
) -> None:
    with GreyWriter(tmp_path / "grey.mkv", rate=rate, comment="") as writer:
        writer.write(np.zeros((3, 4, 4), np.uint8))
    with av.open(str(tmp_path / "grey.mkv")) as container:
        rate_found = container.streams.video[0].average_rate
    assert rate_found is not None
    assert float(rate_found) == pytest.approx(written)
