from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from selfvid.data.video.packets import packet_index
from selfvid.data.video.seeking import stray_seek
from tests.data.video.barcodes import write_barcodes


def test_seeks_that_give_the_packets_read_in_order_are_right(tmp_path: Path) -> None:
    file = str(write_barcodes(tmp_path / "a.mp4", b_frames=2))
    assert stray_seek(file, packet_index(file)) is None


def test_a_seek_beyond_the_key_frame_is_noticed(tmp_path: Path) -> None:
    file = str(write_barcodes(tmp_path / "a.mp4"))
    index = packet_index(file)
    late = replace(index, key_stamps=index.key_stamps + 100_000)
    assert "seeking to frame 12" in str(stray_seek(file, late))
