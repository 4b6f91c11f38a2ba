import struct
from pathlib import Path

from selfvid.data.clips.crops import Crop
from selfvid.data.manifest.manifest import Manifest
from selfvid.reports.page import report
from selfvid.results.scores import Scores
from tests.finetuning.tuned import HEADS, small_run


def test_folds_test_every_video_once_and_begin_alike(
    unsplit_manifest: Path, tmp_path: Path
) -> None:
    result = small_run(unsplit_manifest, tmp_path / "run", folds=2)
    scores = Scores.read(tmp_path / "run" / "scores.csv")
    assert len(set(scores.videos)) == len(Manifest.read(unsplit_manifest).usable)
    parts = [Scores.read(tmp_path / "run" / "folds" / n / "scores.csv") for n in ("1", "2")]
    assert not set(parts[0].videos) & set(parts[1].videos)
    assert sum(len(part.videos) for part in parts) == len(scores.videos)
    assert result.confusion.sum() == len(scores.videos)


def test_training_scores_are_of_the_training_part(split_manifest: Path, tmp_path: Path) -> None:
    small_run(split_manifest, tmp_path / "run", score_training=True)
    videos = Manifest.read(split_manifest).usable
    scored = Scores.read(tmp_path / "run" / "scores_training.csv")
    assert set(scored.videos) == {row.video for row in videos.rows if row.split == "train"}


def test_gates_of_an_lrcn_are_drawn_for_the_report(split_manifest: Path, tmp_path: Path) -> None:
    small_run(split_manifest, tmp_path / "run", head=HEADS["lrcn"], crop=Crop(20))
    drawn = sorted((tmp_path / "run" / "pictures").glob("head_gates_of_video_*.png"))
    assert len(drawn) == 3
    (height,) = struct.unpack(">I", drawn[0].read_bytes()[20:24])
    assert height == 4 * (18 + 5 * 20 + 2)  # four rows: a line of text, then five times the crop
    page = report(tmp_path / "run", quiet=True).read_text()
    assert "gates_of_video_3" in page
