import dataclasses
import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from selfvid.backbones.resnet import ResNet
from selfvid.backbones.small import SmallNet
from selfvid.encoders.base import Provenance, load_encoder
from selfvid.encoders.frame import FrameEncoder
from selfvid.encoders.input import DifferenceInput
from selfvid.errors import InputError


def saved(folder: Path) -> Path:
    torch.manual_seed(3)
    encoder = FrameEncoder(SmallNet(channels=1, stages=(8, 16)), input=DifferenceInput())
    encoder.provenance = Provenance(footage=("a", "b"), size=(32, 48), frames=4, fps=5.0)
    return encoder.save(folder / "encoder")


def test_a_loaded_encoder_is_the_saved_one(tmp_path: Path) -> None:
    torch.manual_seed(3)
    made = FrameEncoder(SmallNet(channels=1, stages=(8, 16)), input=DifferenceInput()).eval()
    loaded = load_encoder(saved(tmp_path))
    clip = torch.randint(0, 256, (2, 3, 3, 16, 16), dtype=torch.uint8)
    assert torch.equal(loaded(clip).clip, made(clip).clip)
    assert not loaded.training
    assert loaded.provenance == Provenance(footage=("a", "b"), size=(32, 48), frames=4, fps=5.0)


def test_whoever_may_read_the_config_may_read_the_weights(tmp_path: Path) -> None:
    folder = FrameEncoder(SmallNet(channels=1, stages=(8,))).save(tmp_path / "encoder")
    modes = {file.name: file.stat().st_mode for file in folder.iterdir()}
    assert modes["model.safetensors"] == modes["config.json"]


def test_a_run_folder_stands_for_the_encoder_in_it(tmp_path: Path) -> None:
    saved(tmp_path)
    assert load_encoder(tmp_path).widths == load_encoder(tmp_path / "encoder").widths


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    before = (folder / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match="exists; expected a new one"):
        load_encoder(folder).save(folder)
    assert (folder / "model.safetensors").read_bytes() == before


def test_weights_from_a_file_are_never_asked_for_again(tmp_path: Path) -> None:
    source = ResNet(18).network.state_dict()
    torch.save(source, tmp_path / "weights.pth")
    encoder = FrameEncoder(ResNet(18, weights=str(tmp_path / "weights.pth")))
    assert torch.equal(
        encoder.state_dict()["backbone.network.conv1.weight"], source["conv1.weight"]
    )
    encoder.save(tmp_path / "encoder")
    (tmp_path / "weights.pth").unlink()
    loaded = load_encoder(tmp_path / "encoder")
    assert torch.equal(loaded.state_dict()["backbone.network.conv1.weight"], source["conv1.weight"])


def test_a_pickle_in_a_weights_file_is_not_executed(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)  # type: ignore[return-value]

    (tmp_path / "weights.pth").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InputError, match="no plain state dict"):
        ResNet(18, weights=str(tmp_path / "weights.pth"))
    assert not (tmp_path / "sprung").exists()


def change(folder: Path, **changed: object) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, **changed}))


def test_a_config_of_another_class_is_not_built(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    change(folder, encoder={"class_path": "subprocess.run", "init_args": {"args": "true"}})
    with pytest.raises(InputError, match=r"class path 'subprocess\.run' is not built"):
        load_encoder(folder)


def test_a_config_that_describes_no_encoder_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    described = {"class_path": "selfvid.encoders.input.DifferenceInput", "init_args": {}}
    change(folder, encoder=described)
    with pytest.raises(InputError, match="not an encoder"):
        load_encoder(folder)


def test_damage_is_one_line(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(InputError, match="is damaged"):
        load_encoder(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(InputError, match="is no JSON"):
        load_encoder(folder)


def test_provenance_that_is_no_mapping_is_one_line(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    change(folder, provenance=["a list"])
    with pytest.raises(InputError, match="is no encoder config"):
        load_encoder(folder)


def test_weights_of_another_shape_are_one_line(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    state = load_file(folder / "model.safetensors")
    save_file({name: t[:1].clone() for name, t in state.items()}, folder / "model.safetensors")
    with pytest.raises(InputError, match="do not fit its config") as caught:
        load_encoder(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_without_an_encoder_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no encoder; expected a folder with config"):
        load_encoder(tmp_path)


def test_provenance_is_plain_data() -> None:
    assert json.loads(json.dumps(dataclasses.asdict(Provenance(footage=("a",)))))
