import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from selfvid.errors import InputError
from selfvid.saving import modules
from selfvid.saving.modules import (
    CONFIG,
    WEIGHTS,
    holds_module,
    load_module,
    read_config,
    read_weights,
    save_module,
)
from selfvid.saving.recorded import Recorded

ALLOW = [f"{__name__}."]


class Scaled(Recorded, nn.Module):
    """A linear layer that may come with downloaded weights."""

    def __init__(
        self, width: int, *, weights: str = "random", inner: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.weights = weights
        self.layer = nn.Linear(width, width)
        self.inner = inner
        self.dropout = nn.Dropout()


class Other(Recorded, nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)


def test_a_module_comes_back_with_its_weights_in_evaluation_mode(tmp_path: Path) -> None:
    saved = Scaled(3, inner=Scaled(2)).train()
    folder = save_module(saved, tmp_path / "new" / "saved", kind="scale", about={"note": [1]})
    loaded = load_module(folder, kind="scale", expected=Scaled, allow=ALLOW)
    assert not any(module.training for module in loaded.modules())
    expected = saved.state_dict()
    assert loaded.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.state_dict().items())
    assert read_config(folder, kind="scale")["note"] == [1]
    assert read_weights(folder).keys() == expected.keys()


def test_downloaded_weights_are_not_asked_for_again(tmp_path: Path) -> None:
    saved = Scaled(3, weights="imagenet", inner=Scaled(2, weights="imagenet"))
    folder = save_module(saved, tmp_path / "saved", kind="scale")
    assert "imagenet" not in (folder / CONFIG).read_text()
    loaded = load_module(folder, kind="scale", expected=Scaled, allow=ALLOW)
    assert isinstance(loaded.inner, Scaled)
    assert (loaded.weights, loaded.inner.weights) == ("random", "random")


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists; expected a new one"):
        save_module(Scaled(3), tmp_path, kind="scale")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_replaced_where_that_is_wanted(tmp_path: Path) -> None:
    folder = save_module(Scaled(3), tmp_path / "scale", kind="scale")
    (folder / "note.txt").write_text("of the former module")
    save_module(Scaled(5), folder, kind="scale", overwrite=True)
    assert {path.name for path in folder.iterdir()} == {CONFIG, WEIGHTS}
    assert len(read_weights(folder)["layer.weight"]) == 5


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    module = Scaled(3)
    with torch.no_grad():
        module.layer.bias[1] = torch.inf
    with pytest.raises(InputError, match=r"weights layer\.bias of the scale for .* are not finite"):
        save_module(module, tmp_path / "scale", kind="scale")
    assert not list(tmp_path.iterdir())


def test_an_error_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(modules, "save_file", full)
    with pytest.raises(OSError, match="disk full"):
        save_module(Scaled(3), tmp_path / "saved", kind="scale")
    assert list(tmp_path.iterdir()) == []


def test_weights_are_readable_by_whoever_may_read_the_config(tmp_path: Path) -> None:
    folder = save_module(Scaled(3), tmp_path / "saved", kind="scale")
    config, weights = (stat.S_IMODE((folder / name).stat().st_mode) for name in (CONFIG, WEIGHTS))
    assert config == weights


def test_a_module_of_another_class_or_kind_is_refused(tmp_path: Path) -> None:
    folder = save_module(Scaled(3), tmp_path / "saved", kind="scale")
    with pytest.raises(InputError, match=r"describes .*Scaled.*, not a scale"):
        load_module(folder, kind="scale", expected=Other, allow=ALLOW)
    with pytest.raises(InputError, match="is no encoder config of format 1"):
        load_module(folder, kind="encoder", expected=Scaled, allow=ALLOW)
    with pytest.raises(InputError, match="class path"):
        load_module(folder, kind="scale", expected=Scaled)


def test_weights_of_another_width_are_refused(tmp_path: Path) -> None:
    folder = save_module(Scaled(3), tmp_path / "saved", kind="scale")
    config = json.loads((folder / CONFIG).read_text())
    config["scale"]["init_args"]["width"] = 4
    (folder / CONFIG).write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"do not fit its config: .*size mismatch"):
        load_module(folder, kind="scale", expected=Scaled, allow=ALLOW)


def test_a_config_of_a_later_format_and_damaged_files_are_named(tmp_path: Path) -> None:
    folder = save_module(Scaled(3), tmp_path / "saved", kind="scale")
    assert holds_module(folder)
    weights = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(weights[: len(weights) // 2])
    with pytest.raises(InputError, match=f"{WEIGHTS}' is damaged"):
        read_weights(folder)
    (folder / CONFIG).write_text(json.dumps({"format": 2, "scale": {}}))
    with pytest.raises(InputError, match="is no scale config of format 1"):
        read_config(folder, kind="scale")
    (folder / CONFIG).write_text("{")
    with pytest.raises(InputError, match="is no JSON"):
        read_config(folder, kind="scale")
    (folder / CONFIG).unlink()
    assert not holds_module(folder)
    shutil.rmtree(folder)
    assert not holds_module(folder)


def test_a_flipped_bit_is_noticed_and_older_folders_have_no_checksum(tmp_path: Path) -> None:
    folder = save_module(Scaled(3), tmp_path / "saved", kind="scale")
    weights = bytearray((folder / WEIGHTS).read_bytes())
    weights[-1] ^= 1
    (folder / WEIGHTS).write_bytes(weights)
    with pytest.raises(InputError, match="is damaged: its checksum is not the one"):
        load_module(folder, kind="scale", expected=Scaled, allow=ALLOW)
    config = json.loads((folder / CONFIG).read_text())
    del config["weights_sha256"]
    (folder / CONFIG).write_text(json.dumps(config))
    load_module(folder, kind="scale", expected=Scaled, allow=ALLOW)
