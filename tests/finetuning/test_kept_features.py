import dataclasses
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from selfvid.backbones.small import SmallNet
from selfvid.data.clips.augmentation import Augmentation
from selfvid.data.clips.crops import Crop
from selfvid.data.clips.dataset import ClipDataset
from selfvid.data.clips.sampling import EvenClips, RandomClips
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.finetuning.classifier import load_classifier
from selfvid.finetuning.result import FinetuneResult
from selfvid.heads.average import Average
from selfvid.heads.base import HeadFactory
from selfvid.heads.gru_rcn import GRURCN
from selfvid.heads.lrcn import LRCN
from selfvid.results.scores import Scores
from tests.finetuning.test_command import HEADS, small_run
from tests.finetuning.tuned import weights
from tests.pretraining.power_cut import power_cut

ONE = EvenClips(frames=4)


def frozen(manifest: Path, out: Path, **more: Any) -> FinetuneResult:
    return small_run(manifest, out, **{"rates": {"encoder": 0}, "head": Average, **more})


@contextmanager
def counting_reads(monkeypatch: pytest.MonkeyPatch, *, most: int = 10**6) -> Iterator[list[int]]:
    """How many items are read; one more than `most` fails."""
    places: list[int] = []
    real = ClipDataset._read

    def counted(self: ClipDataset, place: int, rng: np.random.Generator) -> Any:
        if len(places) == most:
            raise OSError("power cut")
        places.append(place)
        return real(self, place, rng)

    with monkeypatch.context() as patch:
        patch.setattr(ClipDataset, "_read", counted)
        yield places


@pytest.mark.parametrize("head", HEADS)
def test_training_on_one_kept_clip_is_training_on_the_videos(
    split_manifest: Path, tmp_path: Path, head: str
) -> None:
    options: dict[str, Any] = {"head": HEADS[head], "clips": ONE, "plan": {"steps": 6}}
    frozen(split_manifest, tmp_path / "videos", **options)
    result = frozen(split_manifest, tmp_path / "kept", **options, cache=1)
    kept = weights(tmp_path / "kept")
    for name, value in weights(tmp_path / "videos").items():
        torch.testing.assert_close(kept[name], value, rtol=1e-4, atol=1e-5, msg=name)
    scores = [Scores.read(tmp_path / run / "scores.csv") for run in ("videos", "kept")]
    np.testing.assert_allclose(scores[1].probabilities, scores[0].probabilities, atol=1e-5)
    assert result.protocol["cached_clips"] == 1
    assert "1 kept clips of each training video" in result.heading


def test_several_clips_of_a_video_are_one_draw(split_manifest: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"clips": EvenClips(frames=4, clips=2), "plan": {"steps": 4}}
    frozen(split_manifest, tmp_path / "videos", **options)
    frozen(split_manifest, tmp_path / "kept", **options, cache=2)
    kept = weights(tmp_path / "kept")
    for name, value in weights(tmp_path / "videos").items():
        torch.testing.assert_close(kept[name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_scores_from_kept_views_are_the_mean_over_views_of_each_test_video(
    split_manifest: Path, tmp_path: Path
) -> None:
    crop = Crop(24, tested="ten", mirror=0.5)
    frozen(split_manifest, tmp_path / "run", crop=crop, cache=2, head=HEADS["gru-rcn"])
    videos = Manifest.read(split_manifest).usable
    test = videos.select([row.split == "test" for row in videos.rows])
    classifier = load_classifier(tmp_path / "run").classifier
    scores = Scores.read(tmp_path / "run" / "scores.csv")
    assert scores.videos == tuple(row.video for row in test.rows)
    dataset = ClipDataset(test, EvenClips(frames=4, clips=2), size=(32, 32))
    for place in (0, len(test) - 1):
        with torch.no_grad():
            views = [crop.views(clip.frames[None]) for clip in dataset[place].clips]
            found = classifier(torch.cat(views))[0].probabilities
        assert len(found) == 2 * 10
        np.testing.assert_allclose(scores.probabilities[place], found.mean(0), atol=1e-5)


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


def test_a_head_that_reads_no_more_takes_what_another_has_kept(
    split_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"cache": 2, "cache_folder": tmp_path / "kept"}
    frozen(split_manifest, tmp_path / "first", **options, head=GRURCN)
    with counting_reads(monkeypatch) as places:
        frozen(split_manifest, tmp_path / "second", **options)
    assert places == []
    frozen(split_manifest, tmp_path / "alone", cache=2)
    again = weights(tmp_path / "alone")
    for name, value in weights(tmp_path / "second").items():
        assert torch.equal(again[name], value), name


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"encoder": FrameEncoder(SmallNet(channels=1, stages=(8, 8)))}, "encoder was"),
        ({"cache": 3}, "draws was 2, got 3"),
        ({"seed": 1}, "seed was 0, got 1"),
        ({"clips": RandomClips(frames=3)}, "clips was .RandomClips.frames=4"),
        ({"augment": Augmentation()}, "augment was None, got"),
        ({"head": GRURCN}, "lack maps.0, which this head reads"),
    ],
)
def test_features_of_something_else_are_refused_before_a_run_begins(
    split_manifest: Path, tmp_path: Path, options: dict[str, Any], complaint: str
) -> None:
    cache = {"cache": 2, "cache_folder": tmp_path / "kept"}
    frozen(split_manifest, tmp_path / "first", **cache)
    with pytest.raises(InputError, match=complaint) as raised:
        frozen(split_manifest, tmp_path / "second", **{**cache, **options})
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "second").exists()


def test_a_folder_of_other_things_is_left_alone(split_manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(InputError, match="holds other things than features"):
        frozen(split_manifest, tmp_path / "run", cache=1, cache_folder=tmp_path / "mine")


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


def test_a_run_stopped_in_the_middle_ends_as_one_never_stopped(
    split_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head: HeadFactory = partial(LRCN, hidden=5)
    options: dict[str, Any] = {"cache": 2, "head": head, "plan": {"steps": 12}}
    frozen(split_manifest, tmp_path / "whole", **options)
    with power_cut(monkeypatch, before=7):
        frozen(split_manifest, tmp_path / "cut", **options)
    with counting_reads(monkeypatch) as places:
        frozen(split_manifest, tmp_path / "cut", **options, resume=True)
    assert len(places) == 3  # whose gates are drawn
    for name, value in weights(tmp_path / "whole").items():
        assert torch.equal(weights(tmp_path / "cut")[name], value), name


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"cache": 0}, "cache is 0; expected 1 or more clips"),
        ({"rates": {}}, "encoder.backbone.* learns; expected rates with encoder: 0"),
        ({"rates": {"encoder.backbone.network.0": 0}}, "network.* learns"),
        ({"coherence": "footage.csv"}, "coherence trains it; expected one of them to be null"),
        ({"cache": None, "cache_folder": "kept"}, "cache_folder is 'kept' and cache null"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    split_manifest: Path, tmp_path: Path, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint) as raised:
        frozen(split_manifest, tmp_path / "run", **{"cache": 2, **options})
    assert "\n" not in str(raised.value)


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


def test_disk_is_told_before_and_refused_where_there_is_less(
    split_manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    frozen(split_manifest, tmp_path / "run", cache=2, cache_folder=tmp_path / "kept", quiet=False)
    (told,) = (line for line in capsys.readouterr().out.splitlines() if "features of" in line)
    # 24 training videos with two clips and 8 test videos with two views, (1 + 4 steps) * 8 floats
    assert "48 training clips and 16 test views: about 0.0 MB" in told
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
