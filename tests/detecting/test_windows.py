from __future__ import annotations

from pathlib import Path

import pytest
import torch

from selfvid.detecting.streams import ParallelStreams, WindowStream
from selfvid.detecting.windows import LabelledVideo, Window, WindowSource
from selfvid.heads.detection import NO_CLIP
from tests.detecting.made import clip_features

LENGTHS = [4, 2]
CPU = torch.device("cpu")


def source_of(folder: Path, plan: ParallelStreams, *, streams: int, several: bool) -> WindowSource:
    """Vector (v, c) and label 10 v + c for clip c of video v; two labels if there are several."""
    videos = []
    for number, count in enumerate(LENGTHS):
        vectors = torch.tensor([[float(number), float(clip)] for clip in range(count)])
        labels = (10 * vectors[:, 0] + vectors[:, 1]).long()
        labels = torch.stack((labels, -labels), 1) if several else labels
        name = f"video {number}"
        videos.append(LabelledVideo(name, clip_features(folder, name, vectors), labels))
    stream = WindowStream(LENGTHS, plan, streams=streams, total=4, seed=0)
    return WindowSource(videos, stream)


@pytest.mark.parametrize("several", [False, True])
def test_every_place_has_the_vector_and_the_label_of_its_clip(
    tmp_path: Path, several: bool
) -> None:
    plan = ParallelStreams(window=3, reset="epoch", shuffle=False)
    source = source_of(tmp_path, plan, streams=1, several=several)
    for number in range(2):
        keys = source.stream.batch(number)
        window = source.window(keys)
        for row, key in enumerate(keys):
            for place, (video, clip) in enumerate(source.stream.clips(key).tolist()):
                label = window.labels[row, place].flatten()
                if video < 0:
                    assert not window.vectors[row, place].any()
                    assert (label == NO_CLIP).all()
                else:
                    assert window.vectors[row, place].tolist() == [video, clip]
                    assert label[0] == 10 * video + clip
                    assert len(label) == 1 + several


def test_a_window_over_two_videos_names_both_and_starts_from_zero_only_at_the_beginning(
    tmp_path: Path,
) -> None:
    plan = ParallelStreams(window=3, reset="epoch", shuffle=False)
    source = source_of(tmp_path, plan, streams=1, several=False)
    first, second, *_ = source.batches(source.stream, CPU)
    # The stream is 0a 0b 0c | 0d 1a 1b.
    assert (first.videos, second.videos) == (("video 0",), ("video 0", "video 1"))
    assert (first.begins.tolist(), second.begins.tolist()) == ([True], [False])
    assert second.labels.tolist() == [[3, 10, 11]]


def test_padded_places_are_not_counted(tmp_path: Path) -> None:
    plan = ParallelStreams(window=3, shuffle=False)
    source = source_of(tmp_path, plan, streams=2, several=False)
    first, second, *_ = source.batches(source.stream, CPU)
    # Stream 0 is 0a 0b 0c | 0d . . and stream 1 is 1a 1b . | . . .
    assert [window.lengths.tolist() for window in (first, second)] == [[3, 2], [1, 0]]
    assert (len(first), len(second)) == (5, 1)
    assert (second.labels == NO_CLIP).sum() == 5


def test_windows_start_where_a_resumed_stream_stands(tmp_path: Path) -> None:
    plan = ParallelStreams(window=3, reset="epoch", shuffle=False)
    source = source_of(tmp_path, plan, streams=1, several=False)
    windows = source.batches(source.stream, CPU)
    source.stream.done = 1  # as a checkpoint restores it, before the first window is needed
    assert next(iter(windows)).labels.tolist() == [[3, 10, 11]]


def test_a_window_moves_with_all_its_tensors() -> None:
    window = Window(torch.zeros(1, 2, 3), *(torch.zeros(1, 2),) * 2, torch.zeros(1), ("a",))
    moved = window.to(torch.device("meta"))
    tensors = (moved.vectors, moved.labels, moved.lengths, moved.begins)
    assert all(tensor.device.type == "meta" for tensor in tensors)
    assert moved.videos == ("a",)
