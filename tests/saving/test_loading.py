from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from selfvid.backbones.resnet import ResNet
from selfvid.backbones.small import SmallNet
from selfvid.encoders.base import Encoder, load_encoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.errors import InputError
from selfvid.saving import loading
from selfvid.saving.loading import bounded_loading, is_loading

SMALL = "selfvid.backbones.small.SmallNet"


def changed(folder: Path, **arguments: Any) -> Path:
    """Change arguments of the backbone in the config of a saved encoder."""
    config = json.loads((folder / "config.json").read_text())
    config["encoder"]["init_args"]["backbone"]["init_args"] |= arguments
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return FrameEncoder(SmallNet(stages=(8, 8))).save(tmp_path / "encoder")


@pytest.mark.parametrize("weights", ["imagenet", "/dev/zero", "there.pth"])
def test_loading_fetches_and_opens_no_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("fetched")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    monkeypatch.setattr(torch, "load", refuse)
    made = FrameEncoder(ResNet(18))
    folder = changed(made.save(tmp_path / "encoder"), weights=weights)
    loaded = load_encoder(folder)
    assert all(map(torch.equal, loaded.state_dict().values(), made.state_dict().values()))


@pytest.mark.parametrize(
    ("described", "cause"),
    [
        ("selfvid.flow.raft.RAFT", "RAFT is no part of a saved module|is no part of a network"),
        ("selfvid.heads.lrcn.LRCN", "LRCN cannot be built"),
        ("selfvid.encoders.base.Encoder", "Encoder cannot be built as described.*abstract"),
    ],
)
def test_other_classes_are_one_line(saved: Path, described: str, cause: str) -> None:
    config = json.loads((saved / "config.json").read_text())
    config["encoder"]["init_args"]["backbone"] = {"class_path": described, "init_args": {}}
    (saved / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=cause):
        load_encoder(saved)


@pytest.mark.parametrize("backbone", [None, "a text", 7, [], {}])
def test_no_module_where_one_is_expected_is_one_line(saved: Path, backbone: object) -> None:
    config = json.loads((saved / "config.json").read_text())
    config["encoder"]["init_args"]["backbone"] = backbone
    (saved / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="FrameEncoder cannot be built as described: "):
        load_encoder(saved)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"activation": "swish"}, "SmallNet cannot be built as described: KeyError: 'swish'"),
        ({"stages": [8] * 100_000}, "more than 20,000 modules"),
        ({"stages": [8, 8000]}, "do not fit its config"),
        ({"stages": [100_000, 100_000]}, r"more than \d[\d,]* weights|cannot be built"),
        ({"stages": None}, "SmallNet cannot be built as described: TypeError"),
    ],
)
def test_absurd_arguments_are_one_line(
    saved: Path, arguments: dict[str, Any], cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_MOST_SPARE", 10_000_000)
    with pytest.raises(InputError, match=cause) as caught:
        load_encoder(changed(saved, **arguments))
    assert "\n" not in str(caught.value)


@pytest.fixture(params=[1000, 10_000], ids=["usual", "as compilers set it"])
def recursion_limit(request: pytest.FixtureRequest) -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, request.param))
    yield
    sys.setrecursionlimit(before)


@pytest.mark.usefixtures("recursion_limit")
@pytest.mark.parametrize("depth", [40, 500, 100_000])
def test_deep_nesting_is_one_line(saved: Path, depth: int) -> None:
    opening = f'{{"class_path": "{SMALL}", "init_args": {{"stages": '
    nested = opening * depth + "1" + "}}" * depth
    text = (saved / "config.json").read_text()
    text = text.replace('"provenance": {', f'"deep": {nested}, "provenance": {{', 1)
    text = text.replace('"stages": [', f'"stages": {nested}, "others": [', 1)
    (saved / "config.json").write_text(text)
    with pytest.raises(InputError, match="is nested too deeply"):
        load_encoder(saved)


def test_another_folder_is_not_opened_while_one_is_loaded(saved: Path) -> None:
    with bounded_loading(0):
        assert is_loading()
        with pytest.raises(InputError, match="is not opened while another folder is loaded"):
            load_encoder(saved)
    assert not is_loading()
    assert isinstance(load_encoder(saved), Encoder)
