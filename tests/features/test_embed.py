from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import torch

from selfvid.backbones.inflated import Inflated
from selfvid.backbones.small import SmallNet
from selfvid.data.manifest.manifest import Manifest
from selfvid.encoders.base import Encoder, Provenance, load_encoder
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.flow_input import FlowStack
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.mirrored import MirroredEncoder
from selfvid.encoders.sliding import SlidingEncoder
from selfvid.errors import InputError
from selfvid.features.embed import embed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    made = FrameEncoder(SmallNet(channels=1, stages=(8, 16)))
    made.provenance = Provenance(size=(32, 32), frames=3)
    return made.save(tmp_path_factory.mktemp("encoders") / "small")


@pytest.fixture
def manifest(digits_manifest: Path, tmp_path: Path) -> Path:
    few = Manifest.read(digits_manifest).select(range(4))
    few.write(tmp_path / "few.csv")
    return tmp_path / "few.csv"


def test_the_three_kinds_of_file_hold_the_same(
    encoder: Path, manifest: Path, tmp_path: Path
) -> None:
    for suffix in ("parquet", "npz", "csv"):
        embed(encoder, manifest, out=tmp_path / f"f.{suffix}", quiet=True, workers=0)
    table = pyarrow.parquet.read_table(tmp_path / "f.parquet").to_pydict()
    with np.load(tmp_path / "f.npz", allow_pickle=False) as arrays:
        assert arrays["vectors"].shape == (4, 16)
        assert (arrays["vectors"] == np.array(table["vector"], np.float32)).all()
        for name in ("path", "video", "start", "end", "label"):
            assert arrays[name].tolist() == table[name]
    lines = [line.split(",") for line in (tmp_path / "f.csv").read_text().splitlines()]
    assert lines[0][5:] == [f"f{n}" for n in range(16)]
    read = np.array([line[5:] for line in lines[1:]], dtype=np.float32)
    assert (read == np.array(table["vector"], np.float32)).all()
    assert table["video"] == [row.video for row in Manifest.read(manifest).rows]
    assert all(Path(path).is_file() for path in table["path"])


def test_a_videos_vector_is_the_mean_of_its_clips(
    encoder: Path, manifest: Path, tmp_path: Path
) -> None:
    dense: dict[str, Any] = {"clips": "dense", "hop": 1, "quiet": True, "workers": 0}
    made = embed(encoder, manifest, out=tmp_path / "clips.npz", per="clip", **dense)
    embed(encoder, manifest, out=tmp_path / "videos.npz", per="video", **dense)
    assert made.rows == 4 * (8 - 3 + 1)
    with np.load(tmp_path / "clips.npz") as clips, np.load(tmp_path / "videos.npz") as videos:
        means = clips["vectors"].reshape(4, 6, 16).mean(1)
        np.testing.assert_allclose(videos["vectors"], means, atol=1e-5)
        assert videos["start"].tolist() == clips["start"].reshape(4, 6)[:, 0].tolist()
        assert (clips["end"] > clips["start"]).all()


def test_mirrored_vectors_are_those_of_a_mirrored_encoder(
    encoder: Path, manifest: Path, tmp_path: Path
) -> None:
    MirroredEncoder(load_encoder(encoder)).save(tmp_path / "mirrored")
    vectors = []
    for number, (folder, mirror) in enumerate(
        ((encoder, True), (tmp_path / "mirrored", False), (encoder, False))
    ):
        out = tmp_path / f"{number}.npz"
        embed(folder, manifest, out=out, mirror=mirror, quiet=True, workers=0)
        with np.load(out, allow_pickle=False) as arrays:
            vectors.append(arrays["vectors"])
    assert (vectors[0] == vectors[1]).all()
    assert not np.allclose(vectors[0], vectors[2])


def test_a_folder_is_indexed_on_the_spot_and_broken_videos_are_named(
    encoder: Path, digits_manifest: Path, tmp_path: Path
) -> None:
    footage = Manifest.read(digits_manifest)
    folder = tmp_path / "footage"
    folder.mkdir()
    for row in footage.rows[:2]:
        source = footage.path_of(row)
        (folder / source.name).write_bytes(source.read_bytes())
    (folder / "broken.mp4").write_bytes(b"no video")
    made = embed(encoder, folder, out=tmp_path / "f.parquet", quiet=True, workers=0)
    assert made.videos == 2
    assert "broken.mp4" in made.faults[0]
    assert "left out" in str(made)
    alone = embed(
        encoder, folder / source.name, out=tmp_path / "one.parquet", quiet=True, workers=0
    )
    assert alone.rows == 1


def test_no_message_points_to_a_table_that_is_gone(encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_text("not a video")
    with pytest.raises(InputError, match="none of 1 videos is readable") as caught:
        embed(encoder, tmp_path, out=tmp_path / "f.parquet", quiet=True, workers=0)
    assert "videos.csv" not in str(caught.value)


def test_no_file_is_left_if_every_video_fails(
    encoder: Path, manifest: Path, tmp_path: Path
) -> None:
    rows = [
        dataclasses.replace(row, path=f"gone{n}.mp4")
        for n, row in enumerate(Manifest.read(manifest).rows)
    ]
    Manifest(tuple(rows), tmp_path).write(tmp_path / "gone.csv")
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(InputError, match=r"no video gave a vector; .*gone0\.mp4"):
        embed(encoder, tmp_path / "gone.csv", out=tmp_path / "f.npz", quiet=True, workers=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_vectors_that_are_not_finite_are_not_written(
    encoder: Path, manifest: Path, tmp_path: Path
) -> None:
    broken = load_encoder(encoder)
    with torch.no_grad():
        for weight in broken.parameters():
            weight.fill_(torch.finfo(weight.dtype).max)  # finite, so it can be saved
    broken.save(tmp_path / "broken")
    with pytest.raises(InputError, match=r"no video gave a vector; .* its vectors are not finite"):
        embed(tmp_path / "broken", manifest, out=tmp_path / "f.npz", quiet=True, workers=0)
    assert not (tmp_path / "f.npz").exists()


def test_an_existing_output_is_replaced_only_with_overwrite(
    encoder: Path, manifest: Path, tmp_path: Path
) -> None:
    output = tmp_path / "f.csv"
    output.write_text("mine")
    with pytest.raises(InputError, match="exists; expected a new file"):
        embed(encoder, manifest, out=output, quiet=True, workers=0)
    assert output.read_text() == "mine"
    embed(encoder, manifest, out=output, overwrite=True, quiet=True, workers=0)
    assert output.read_text().startswith("path,video")


def test_an_unknown_suffix_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in '\.txt'; expected \.parquet"):
        embed(tmp_path, tmp_path, out=tmp_path / "f.txt", quiet=True, workers=0)


def test_missing_videos_are_named(encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="do not exist; expected a folder"):
        embed(encoder, tmp_path / "none", out=tmp_path / "f.csv", quiet=True, workers=0)


def on_clips(frames: int) -> ClipEncoder:
    torch.manual_seed(0)
    return ClipEncoder(Inflated(SmallNet(channels=1, stages=(8, 16)), frames=frames))


def test_a_window_along_a_clip_embeds_as_the_mean_of_dense_clips(
    manifest: Path, tmp_path: Path
) -> None:
    encoders: dict[str, Encoder] = {
        "clip": on_clips(3),
        "along": SlidingEncoder(on_clips(3), stride=1),
    }
    for name, made in encoders.items():
        made.provenance = Provenance(size=(32, 32), frames=3 if name == "clip" else 8)
        made.save(tmp_path / name)
    windows: dict[str, Any] = {"clips": "dense", "hop": 1}
    whole: dict[str, Any] = {"clips": 1}
    for name, how in (("clip", windows), ("along", whole)):
        embed(tmp_path / name, manifest, out=tmp_path / f"{name}.npz", quiet=True, workers=0, **how)
    with np.load(tmp_path / "clip.npz") as clip, np.load(tmp_path / "along.npz") as along:
        assert clip["vectors"].shape == (4, 16)
        np.testing.assert_allclose(along["vectors"], clip["vectors"], rtol=1e-4, atol=1e-5)


def test_clips_of_a_length_that_a_network_does_not_take_are_refused_in_a_line(
    manifest: Path, tmp_path: Path
) -> None:
    encoder = on_clips(3)
    encoder.provenance = Provenance(size=(32, 32), frames=3)
    encoder.save(tmp_path / "clip")
    with pytest.raises(InputError, match="takes clips of 3 frames, got 5; expected a SlidingEnc"):
        embed(tmp_path / "clip", manifest, out=tmp_path / "f.npz", frames=5, quiet=True, workers=0)


def an_encoder_of_flow() -> Encoder:
    torch.manual_seed(0)
    stacks = FrameEncoder(SmallNet(channels=4, stages=(8, 16)), input=FlowStack(2))
    made = SlidingEncoder(stacks, stride=2)
    made.provenance = Provenance(size=(32, 32), frames=4)
    return made


def test_flow_may_be_estimated_or_read_from_a_folder(
    manifest: Path, digits_flow: Path, tmp_path: Path
) -> None:
    encoder = an_encoder_of_flow().save(tmp_path / "encoder")
    vectors = []
    for name, flow in (("stored", digits_flow), ("estimated", "dis")):
        out = tmp_path / f"{name}.npz"
        embed(encoder, manifest, out=out, flow=flow, workers=0, quiet=True)
        with np.load(out) as arrays:
            vectors.append(arrays["vectors"])
    assert vectors[0].shape == (4, 16)
    assert (vectors[0] == vectors[1]).all()
    assert vectors[0].std(axis=0).max() > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "takes optical flow of 2 channels and flow is not given; expected --flow"),
        ({"flow": "nowhere"}, "flow 'nowhere' is no folder"),
        ({"flow": "dis", "size": 12}, "size is 12x12; expected at least 16 pixels"),
    ],
)
def test_flow_that_does_not_fit_the_encoder_is_refused(
    manifest: Path, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    encoder = an_encoder_of_flow().save(tmp_path / "encoder")
    with pytest.raises(InputError, match=words):
        embed(encoder, manifest, out=tmp_path / "f.npz", workers=0, quiet=True, **options)
    assert not (tmp_path / "f.npz").exists()


def test_an_encoder_of_pixels_takes_no_flow(encoder: Path, manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="flow is 'dis' but the encoder takes pixels"):
        embed(encoder, manifest, out=tmp_path / "f.npz", flow="dis", quiet=True)
