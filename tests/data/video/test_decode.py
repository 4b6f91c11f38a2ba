from __future__ import annotations

import pickle
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from selfvid.data.video import decode
from selfvid.data.video.decode import (
    BrokenDecoderError,
    DecodeError,
    DecoderName,
    decoder_versions,
    open_video,
    preflight,
    resolve_decoder,
)
from selfvid.data.video.decord_reader import DecordReader
from selfvid.data.video.pyav_reader import PyAVReader
from selfvid.errors import InputError
from tests.data.footage import ASSETS, numbered_video
from tests.data.video.assets import (
    DECODERS,
    HAS_DECORD,
    READ_BY_ANY,
    READ_BY_DECORD,
    READ_BY_PYAV,
    needs_assets,
    needs_decord,
)


def test_an_unreadable_file_is_named_with_its_cause(tmp_path: Path) -> None:
    file = tmp_path / "broken.mp4"
    file.write_bytes(b"\xffno video")
    with pytest.raises(DecodeError, match=r"broken\.mp4: cannot be opened: Invalid data") as caught:
        open_video(file)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_missing_file_and_an_unknown_decoder_are_input_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"absent\.mp4 does not exist"):
        open_video(tmp_path / "absent.mp4")
    monkeypatch.setenv("SELFVID_DECODER", "mplayer")
    with pytest.raises(InputError, match="SELFVID_DECODER is 'mplayer'; expected one of auto"):
        resolve_decoder()


def test_the_variable_chooses_only_if_the_argument_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SELFVID_DECODER", "pyav")
    assert resolve_decoder("auto") == "pyav"
    if HAS_DECORD:
        assert resolve_decoder("decord") == "decord"


def test_without_decord_pyav_reads_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_decord_installed", lambda: False)
    assert list(decoder_versions()) == ["pyav"]
    file = numbered_video(tmp_path / "video.mp4", frames=3)
    with open_video(file) as reader:
        assert reader.decoder == "pyav"
    with pytest.raises(InputError, match="decord is not installed"):
        open_video(file, decoder="decord")


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_working_decoder_passes_the_preflight(decoder: DecoderName) -> None:
    preflight(decoder)


def test_the_preflight_finds_a_decoder_that_fails_or_gives_wrong_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = PyAVReader._picture
    monkeypatch.setattr(PyAVReader, "_picture", lambda self, frame: 255 - honest(self, frame))
    with pytest.raises(BrokenDecoderError, match=r"gives brightness .* expected \[40, 120, 200\]"):
        preflight("pyav")

    monkeypatch.setattr(PyAVReader, "_picture", Mock(side_effect=OSError("library missing")))
    with pytest.raises(BrokenDecoderError, match="library missing"):
        preflight("pyav")


@needs_assets
@needs_decord
@pytest.mark.parametrize("name", READ_BY_DECORD)
def test_both_decoders_give_the_same_frames(name: str) -> None:
    file = ASSETS / name
    with open_video(file, decoder="decord") as one, open_video(file, decoder="pyav") as other:
        assert (one.frames, one.height, one.width) == (other.frames, other.height, other.width)
        assert one.rate == pytest.approx(other.rate)
        assert one.times is not None
        assert other.times is not None
        np.testing.assert_allclose(one.times, other.times, atol=1e-4)
        some = np.linspace(0, one.frames - 1, 9).round().astype(int)
        np.testing.assert_array_equal(one.read(some), other.read(some))
    small = (48, 64)
    with DecordReader(str(file), size=small) as one, PyAVReader(str(file), size=small) as other:
        difference = np.abs(one.read(some).astype(int) - other.read(some))
        assert difference.mean() < 1


@needs_assets
@needs_decord
@pytest.mark.parametrize("name", READ_BY_ANY)
def test_auto_uses_decord_only_if_its_frames_are_right(name: str) -> None:
    with open_video(ASSETS / name) as reader:
        by_pyav = "sequential" if READ_BY_PYAV.get(name) == "timestamps" else "pyav"
        assert reader.decoder == ("decord" if name in READ_BY_DECORD else by_pyav)


@needs_assets
@needs_decord
@pytest.mark.parametrize(("name", "reason"), READ_BY_PYAV.items())
def test_a_named_decoder_refuses_and_does_not_fall_back(name: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        open_video(ASSETS / name, decoder="decord")
