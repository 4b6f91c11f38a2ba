from pathlib import Path

import pytest

from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import EvenClips
from selfvid.data.clips.workers import ReaderDied
from selfvid.errors import InputError
from selfvid.training.put_aside import putting_aside
from selfvid.training.sources import LoadedClips
from tests.data.footage import manifest_of


def die(noted: Path, source: LoadedClips, path: str) -> None:
    with putting_aside(noted, source):
        raise ReaderDied(path, "it died")


def test_a_file_that_killed_its_reader_is_left_out_the_next_time(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, 8, 8)
    source = LoadedClips(ClipDataset(manifest, EvenClips(2), size=(16, 24)), workers=0)
    noted, killer = tmp_path / "put_aside.txt", str(tmp_path / "0.mp4")
    assert not source.dataset[0].faults
    with pytest.raises(InputError, match="it died; --resume goes on without it"):
        die(noted, source, killer)
    with putting_aside(noted, source):
        loaded = source.dataset[0]
    assert [clip.video for clip in loaded.clips] == ["video 1"]
    assert f"{killer}: killed the process that read it" in loaded.faults[0]
