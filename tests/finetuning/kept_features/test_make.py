import dataclasses
import json
import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.crops import Crop
from selfvid.data.clips.sampling import RandomClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.errors import InputError
from selfvid.heads.gru_rcn import GRURCN
from tests.finetuning.kept_features.runs import ONE, counting_reads, frozen
from tests.finetuning.tuned import (
    weights,
)

pytestmark = pytest.mark.slow


def test_every_video_is_read_once_for_all_steps_and_folds(
    unsplit_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = len(Manifest.read(unsplit_manifest).usable)
    with counting_reads(monkeypatch) as places:
        frozen(
            unsplit_manifest, tmp_path / "run", folds=2, cache=3, score_training=True,
            plan={"steps": 40},
        )  # fmt: skip
    assert len(places) == 3 * count + count
    assert all(places.count(place) == 4 for place in range(count))


def test_draws_of_a_video_are_changed_each_in_its_own_way_and_always_alike(
    split_manifest: Path, tmp_path: Path
) -> None:
    for run in ("one", "other"):
        frozen(
            split_manifest, tmp_path / run, clips=ONE, cache=2, cache_folder=tmp_path / f"of_{run}",
            augment=Augmentation(), crop=Crop(28),
        )  # fmt: skip
        torch.rand(())
    files = sorted((tmp_path / "of_one" / "training").iterdir())
    assert len(files) == 24
    for file in files:
        kept = load_file(file)["clip"]
        assert len(kept) == 2
        assert not torch.allclose(kept[0], kept[1])
        other = load_file(tmp_path / "of_other" / "training" / file.name)
        assert torch.equal(other["clip"], kept)


@pytest.mark.parametrize(
    ("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_maps_are_kept_in_the_format_that_they_are_computed_in(
    split_manifest: Path, tmp_path: Path, precision: str, dtype: torch.dtype
) -> None:
    frozen(
        split_manifest, tmp_path / "run", cache=1, cache_folder=tmp_path / "kept",
        precision=precision, head=partial(GRURCN, levels=[1], vector=False),
    )  # fmt: skip
    kept = load_file(next((tmp_path / "kept" / "views").iterdir()))
    assert set(kept) == {"clip", "maps.1"}
    assert kept["maps.1"].dtype == dtype


def test_features_are_gone_after_the_run_unless_a_folder_is_named(
    split_manifest: Path, tmp_path: Path
) -> None:
    frozen(split_manifest, tmp_path / "run", cache=1)
    assert not (tmp_path / "run" / "features").exists()
    frozen(split_manifest, tmp_path / "kept", cache=1, cache_folder=tmp_path / "features")
    assert len(list((tmp_path / "features" / "training").iterdir())) == 24


def test_a_run_stopped_while_it_reads_goes_on_with_the_videos_that_are_left(
    split_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"cache": 2, "augment": Augmentation()}
    with counting_reads(monkeypatch) as places:
        frozen(split_manifest, tmp_path / "whole", **options)
    count = len(places)
    with counting_reads(monkeypatch, most=21), pytest.raises(OSError, match="power cut"):
        frozen(split_manifest, tmp_path / "cut", **options)
    assert len(list((tmp_path / "cut" / "features" / "training").iterdir())) == 10
    with counting_reads(monkeypatch) as places:
        frozen(split_manifest, tmp_path / "cut", **options, resume=True)
    assert len(places) == count - 2 * 10
    for name, value in weights(tmp_path / "whole").items():
        assert torch.equal(weights(tmp_path / "cut")[name], value), name


def test_a_video_too_short_for_a_clip_is_named(split_manifest: Path, tmp_path: Path) -> None:
    videos = Manifest.read(split_manifest).usable
    short = dataclasses.replace(videos.rows[0], end=0.1)
    manifest = tmp_path / "short.csv"
    Manifest((short, *videos.rows[1:]), videos.root).write(manifest)
    with pytest.raises(
        InputError, match=r"gives no clip of 8 frames.*repeat_last or loop"
    ) as raised:
        frozen(manifest, tmp_path / "run", clips=RandomClips(frames=8, short="skip"), cache=1)
    assert Path(short.path).name in str(raised.value)


def test_disk_space_is_printed_before_and_less_of_it_is_refused(
    split_manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    frozen(split_manifest, tmp_path / "run", cache=2, cache_folder=tmp_path / "kept", quiet=False)
    (line,) = (each for each in capsys.readouterr().out.splitlines() if "features of" in each)
    # 24 training videos with two clips and 8 test videos with two views, (1 + 4 steps) * 8 floats
    assert "48 training clips and 16 test views: about 0.0 MB" in line
    kept = [path.stat().st_size for path in (tmp_path / "kept").rglob("*.safetensors")]
    needed = (48 + 16) * (1 + 4) * 8 * 4
    assert needed < sum(kept) < needed + 400 * len(kept)  # a header each
    little = SimpleNamespace(free=needed - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: little)
    with pytest.raises(InputError, match="expected a smaller cache, or another cache_folder"):
        frozen(split_manifest, tmp_path / "full", cache=2)
    little.free = needed
    frozen(split_manifest, tmp_path / "enough", cache=2)
    assert json.loads((tmp_path / "enough" / "result.json").read_text())
