import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selfvid.data.clips.loader import ClipDataset
from selfvid.data.clips.sampling import EvenClips
from selfvid.data.indexing.command import index
from selfvid.data.manifest.identity import differences, unchanged_path
from selfvid.data.manifest.manifest import Manifest
from selfvid.data.video.decode import DecodeError


@pytest.fixture
def footage(digits_manifest: Path, tmp_path: Path) -> Manifest:
    """Three of the digits, copied with their times, so that a test may spoil them."""
    few = Manifest.read(digits_manifest).select([0, 1, 2])
    for row in few.rows:
        (tmp_path / row.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(few.path_of(row), tmp_path / row.path)
    return Manifest(few.rows, tmp_path)


def overwrite(manifest: Manifest, place: int, content: bytes, *, at: float | None = None) -> Path:
    path = manifest.path_of(manifest.rows[place])
    path.write_bytes(content)
    if at is not None:
        os.utime(path, (at, at))
    return path


def test_files_as_they_were_indexed_are_opened(footage: Manifest) -> None:
    assert differences(footage) == ["", "", ""]
    assert unchanged_path(footage, footage.rows[0]) == footage.path_of(footage.rows[0])


def test_a_file_of_another_size_is_named_and_refused(footage: Manifest) -> None:
    other = footage.path_of(footage.rows[1]).read_bytes() + b"more"
    # The same time of change: the size alone must be enough.
    path = overwrite(footage, 0, other, at=footage.rows[0].modified)
    with pytest.raises(DecodeError, match=f"{path}.* bytes and the manifest says"):
        unchanged_path(footage, footage.rows[0])
    assert [bool(words) for words in differences(footage)] == [True, False, False]


def test_other_content_of_the_same_size_is_refused_if_the_time_differs(footage: Manifest) -> None:
    content = bytearray(footage.path_of(footage.rows[0]).read_bytes())
    content[len(content) // 2] ^= 1
    overwrite(footage, 0, bytes(content))
    with pytest.raises(DecodeError, match=f"other content .*{footage.rows[0].video}"):
        unchanged_path(footage, footage.rows[0])


def test_a_copy_with_another_time_is_the_same_file(footage: Manifest) -> None:
    path = footage.path_of(footage.rows[0])
    os.utime(path, (1, 1))
    assert unchanged_path(footage, footage.rows[0]) == path


def test_a_manifest_without_sizes_is_held_against_the_content(footage: Manifest) -> None:
    plain = tuple(replace(row, bytes=0, modified=0.0) for row in footage.rows)
    assert not any(differences(Manifest(plain, footage.root)))
    overwrite(footage, 2, footage.path_of(footage.rows[0]).read_bytes())
    with pytest.raises(DecodeError, match="other content"):
        unchanged_path(Manifest(plain, footage.root), plain[2])


def test_a_file_that_changes_during_a_run_is_not_read(footage: Manifest) -> None:
    dataset = ClipDataset(footage, EvenClips(frames=2), size=(32, 32))
    dataset[0]
    overwrite(footage, 0, footage.path_of(footage.rows[1]).read_bytes())
    loaded = dataset[0]
    assert footage.rows[0].path in loaded.faults[0]
    assert all(clip.video != footage.rows[0].video for clip in loaded.clips)


def test_a_missing_file_is_said_to_be_missing(footage: Manifest) -> None:
    footage.path_of(footage.rows[0]).unlink()
    with pytest.raises(DecodeError, match="does not exist any more"):
        unchanged_path(footage, footage.rows[0])


def test_a_folder_of_frames_is_its_images_together(tmp_path: Path) -> None:
    folder = tmp_path / "frames" / "one"
    folder.mkdir(parents=True)
    for number in range(3):
        Image.fromarray(np.full((16, 16, 3), 40 * number, np.uint8)).save(folder / f"{number}.png")
    manifest = index(tmp_path / "frames", out=tmp_path / "m.csv", quiet=True, workers=1)
    assert differences(manifest) == [""]
    Image.fromarray(np.full((16, 16, 3), 255, np.uint8)).save(folder / "1.png")
    with pytest.raises(DecodeError, match="expected the file that was indexed"):
        unchanged_path(manifest, manifest.rows[0])
