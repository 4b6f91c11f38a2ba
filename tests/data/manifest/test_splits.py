from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from selfvid.data.manifest.manifest import Manifest, Row
from selfvid.data.manifest.splits import Fold, check_no_leak, folds
from selfvid.errors import InputError


def manifest(groups: int = 10, per_group: int = 4) -> Manifest:
    """Two classes in every group."""
    rows = [
        Row(path=f"{g}-{n}", video=f"v{g}-{n}", label="ab"[n % 2], group=f"g{g}")
        for g in range(groups)
        for n in range(per_group)
    ]
    return Manifest(tuple(rows), Path("/footage"))


def test_folds_test_every_row_once_and_divide_no_group() -> None:
    whole = manifest()
    parts = folds(whole, column="label", folds=5)
    assert sorted(np.concatenate([fold.test for fold in parts])) == list(range(len(whole)))
    for fold in parts:
        assert sorted([*fold.train, *fold.test]) == list(range(len(whole)))
        train = {whole.rows[at].group for at in fold.train}
        assert train.isdisjoint(whole.rows[at].group for at in fold.test)


def test_a_seed_fixes_the_folds_and_another_gives_others() -> None:
    def tests(seed: int) -> list[list[int]]:
        return [fold.test.tolist() for fold in folds(manifest(), seed=seed)]

    assert tests(0) == tests(0) != tests(1)


def test_videos_without_a_group_are_divided_but_their_segments_are_not() -> None:
    rows = [
        Row(path=f"{v}", video=f"v{v}", label="ab"[s % 2], start=float(s), end=s + 1.0)
        for v in range(6)
        for s in range(4)
    ]
    whole = Manifest(tuple(rows), Path("/footage"))
    for fold in folds(whole, folds=3):
        train = {whole.rows[at].video for at in fold.train}
        assert train.isdisjoint(whole.rows[at].video for at in fold.test)


def test_the_split_of_the_manifest_is_used_unchanged(caplog: pytest.LogCaptureFixture) -> None:
    rows = manifest(groups=4, per_group=2).rows
    parts = ["train"] * 4 + ["test"] * 2 + ["val"] * 2
    whole = Manifest(
        tuple(replace(row, split=split) for row, split in zip(rows, parts, strict=True)), Path("/")
    )
    with caplog.at_level(logging.WARNING):
        (fold,) = folds(whole)
    assert "neither trained nor tested on: 2 with split 'val'" in caplog.text
    assert (fold.train.tolist(), fold.test.tolist(), fold.name) == ([0, 1, 2, 3], [4, 5], "split")
    with pytest.raises(InputError, match="folds is 3 and the manifest has a split of its own"):
        folds(whole, folds=3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group": "g0"}, "group 'g0' is on both sides of split"),
        ({"video": "v0-0"}, "the same content v0-0 is on both sides of split"),
        (
            {"near_duplicate_of": "0-1"},
            "near duplicates of g0 are on both sides of split.*--near_duplicates false",
        ),
    ],
)
def test_a_split_that_leaks_is_refused(changes: dict[str, str], message: str) -> None:
    rows = [
        replace(row, split="train" if row.group != "g3" else "test")
        for row in manifest(groups=4).rows
    ]
    rows[-1] = replace(rows[-1], **changes)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=message):
        folds(Manifest(tuple(rows), Path("/footage")))


def test_a_fold_made_elsewhere_can_be_checked() -> None:
    whole = manifest(groups=2)
    check_no_leak(whole, Fold(np.arange(4), np.arange(4, 8), "halves"))
    with pytest.raises(InputError, match=r"both sides of odd and even .train: 0-2, test: 0-3"):
        check_no_leak(whole, Fold(np.arange(0, 8, 2), np.arange(1, 8, 2), "odd and even"))


def test_too_few_groups_or_rows_or_folds_are_refused() -> None:
    with pytest.raises(InputError, match="folds is 5 and the footage has 4 groups"):
        folds(manifest(groups=4))
    with pytest.raises(InputError, match="folds is 1; expected 2 or more"):
        folds(manifest(), folds=1)
    lonely = Manifest(
        (*manifest().rows, *(Row(path=n, video=n, label="c", group="one") for n in "xy")), Path("/")
    )
    with pytest.raises(InputError, match="label 'c' is only in the test part of fold"):
        folds(lonely)
    halves = [
        replace(r, split=s) for r, s in zip(manifest(2).rows, ["train", "b"] * 4, strict=True)
    ]
    with pytest.raises(
        InputError, match="column 'split' contains b, train; expected train and test"
    ):
        folds(Manifest(tuple(halves), Path("/")))
    names = ["train", "trian", "test", "test"] * 2
    misspelt = [replace(r, split=s) for r, s in zip(manifest(2).rows, names, strict=True)]
    with pytest.raises(InputError, match="column 'split' contains test, train, trian; expected"):
        folds(Manifest(tuple(misspelt), Path("/")))


def with_folds(names: dict[str, str], whole: Manifest) -> Manifest:
    rows = [replace(row, columns={"fold": names.get(row.group, "")}) for row in whole.rows]
    return Manifest(tuple(rows), whole.root)


def test_the_folds_of_the_manifest_are_used_unchanged() -> None:
    names = {"g0": "10", "g1": "2", "g2": "2", "g3": "1"}
    whole = with_folds(names, manifest(groups=4, per_group=2))
    parts = folds(whole, seed=3)
    assert [part.name for part in parts] == ["fold 1 of 3", "fold 2 of 3", "fold 10 of 3"]
    assert [part.test.tolist() for part in parts] == [[6, 7], [2, 3, 4, 5], [0, 1]]
    for part in parts:
        assert sorted([*part.train, *part.test]) == list(range(8))
    empty = folds(with_folds({}, manifest()))
    assert empty[0].name == "fold 1 of 5"


def test_folds_of_the_manifest_that_cannot_be_used_are_refused() -> None:
    whole = manifest(groups=4, per_group=2)
    names = {"g0": "1", "g1": "2", "g2": "2", "g3": "1"}
    with pytest.raises(InputError, match=r"folds is 2 and the manifest has folds of its own"):
        folds(with_folds(names, whole), folds=2)
    with pytest.raises(InputError, match="3-0 has no fold, and other rows have one"):
        folds(with_folds(names | {"g3": ""}, whole))
    with pytest.raises(InputError, match="column 'fold' contains only '1'; expected two folds"):
        folds(with_folds(dict.fromkeys(names, "1"), whole))
    split = [
        replace(row, split=split)
        for row, split in zip(with_folds(names, whole).rows, ["train", "test"] * 4, strict=True)
    ]
    with pytest.raises(InputError, match="has a split and folds of its own"):
        folds(Manifest(tuple(split), whole.root))
    torn = list(with_folds(names, whole).rows)
    torn[0] = replace(torn[0], columns={"fold": "2"})
    with pytest.raises(InputError, match="group 'g0' is on both sides of fold 1 of 2"):
        folds(Manifest(tuple(torn), whole.root))
