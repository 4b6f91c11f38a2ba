from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from selfvid.data.indexing.command import index
from tests.data.footage import ASSETS, SHARED

pytestmark = pytest.mark.slow

UT = SHARED / "ut_interaction/videos"

# What looking at each file with PyAV and decord by hand found: frames, or what is wrong.
ASSET_FRAMES = {
    "decord/corrupted.mp4": 28,  # of 50
    "decord/flipping_a_pancake.mkv": 310,
    "decord/unordered.mov": 4,
    "decord/video_0.mov": 3,
    "decord/video_90.mov": 3,
    "decord/video_180.mov": 3,
    "decord/video_270.mov": 3,
    "mmaction2/S001C001P001R001A001_rgb.avi": 103,
    "mmaction2/demo.mp4": 280,
    "mmaction2/demo_skeleton.mp4": 72,
    "mmaction2/demo_spatiotemporal_det.mp4": 57,
    "mmaction2/part_0.mp4": 32,
    "mmaction2/test.avi": 164,
    "mmaction2/test.mp4": 300,
    "mmaction2/test_video_structuralize.mp4": 300,
    "openstl/test_example.avi": 75,
    "openstl/train_example1.avi": 75,
    "openstl/train_example2.avi": 75,
    "torchcodec/av1_video.mkv": 125,
    "torchcodec/bt709_full_range.mp4": 30,
    "torchcodec/h264_10bits.mp4": 30,
    "torchcodec/h265_10bits.mp4": 30,
    "torchcodec/h265_video.mp4": 10,
    "torchcodec/nasa_13013.mp4": 390,
    "torchcodec/testsrc2.mp4": 60,
    "torchcodec/var_fps_video.mp4": 300,
    "video_features/v_GGSY1Qvo990.mp4": 355,
    "video_features/v_ZNVhz7ctTq0.mp4": 420,
}
ASSET_ERRORS = {
    "torchcodec/nasa_13013.mp4.audio.mp3": "no video stream",
    "torchcodec/nasa_13013.mp4.audio_44100.mp3": "no video stream",
    "torchcodec/sine_mono_s16.wav": "no video stream",
    "torchcodec/sine_mono_s32.wav": "no video stream",
    "torchcodec/sine_mono_s32_8000.wav": "no video stream",
    "torchcodec/sine_mono_s32_44100.wav": "no video stream",
}
WITHOUT_TIMESTAMPS = {"mmaction2/S001C001P001R001A001_rgb.avi", "mmaction2/test.avi"}
ONLY_PYAV = {
    "torchcodec/av1_video.mkv",
    "torchcodec/h264_10bits.mp4",
    "torchcodec/h265_10bits.mp4",
}


@pytest.mark.skipif(not ASSETS.exists(), reason="../shared/data is not here")
def test_every_odd_file_gets_its_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = index(ASSETS, out=tmp_path / "assets.csv", workers=2)
    # Either may go through a link to the shared data.
    real = ASSETS.resolve()
    rows = {
        (tmp_path / row.path).resolve().relative_to(real).as_posix(): row for row in manifest.rows
    }
    assert set(rows) == set(ASSET_FRAMES) | set(ASSET_ERRORS)
    for name, frames in ASSET_FRAMES.items():
        row = rows[name]
        assert (name, row.status, row.error, row.frames) == (name, "ok", "", frames)
        assert row.timestamps == (name not in WITHOUT_TIMESTAMPS)
        assert row.duration == pytest.approx(row.frames / row.rate, rel=0.05)
        assert row.decoder == "pyav" or name not in ONLY_PYAV
    for name, words in ASSET_ERRORS.items():
        assert (name, rows[name].status) == (name, "bad")
        assert rows[name].error.startswith(words)
    assert (rows["decord/video_90.mov"].width, rows["decord/video_90.mov"].height) == (320, 568)
    near = {name for name, row in rows.items() if row.near_duplicate_of}
    assert near == {"torchcodec/h265_10bits.mp4"}  # the same pictures in another codec
    summary = capsys.readouterr().out
    assert summary.startswith("28 of 34 kept (6 no video stream)\n")
    assert "5 other files in the folders were ignored" in summary


@pytest.mark.slow
@pytest.mark.skipif(not UT.exists(), reason="../shared/data is not here")
def test_ut_interaction_is_indexed_with_labels_and_groups(tmp_path: Path) -> None:
    manifest = index(
        UT, out=tmp_path / "ut.csv", labels="folder", groups=r"set\d_seq\d+", quiet=True
    )
    assert len(manifest) == len(manifest.usable) == 120
    assert manifest.classes() == ["handshake", "hug", "kick", "point", "punch", "push"]
    assert np.bincount(manifest.labels()).tolist() == [20] * 6
    assert set(manifest.groups) == {row.group for row in manifest.rows}
    assert len(set(manifest.groups)) == 20
    assert not any(row.timestamps or row.near_duplicate_of for row in manifest.rows)
