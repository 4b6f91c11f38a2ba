import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from selfvid.backbones.resnet import ResNet
from selfvid.backbones.small import SmallNet
from selfvid.encoders.base import Provenance, fingerprint, load_encoder
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


def test_the_weights_have_the_same_permissions_as_the_config(tmp_path: Path) -> None:
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


def test_weights_from_a_file_are_saved_with_the_encoder(tmp_path: Path) -> None:
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
    config = json.loads((folder / "config.json").read_text())
    del config["weights_sha256"]  # as in folders of earlier versions
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="do not fit its config") as caught:
        load_encoder(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_without_an_encoder_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no encoder; expected a folder with config"):
        load_encoder(tmp_path)


def test_provenance_is_plain_data() -> None:
    assert json.loads(json.dumps(dataclasses.asdict(Provenance(footage=("a",)))))


def test_a_fingerprint_changes_with_every_weight_buffer_and_argument() -> None:
    def made(stages: tuple[int, ...] = (8,), deviation: float = 0.1) -> FrameEncoder:
        torch.manual_seed(3)
        net = SmallNet(channels=1, stages=stages, norm="batch")
        return FrameEncoder(net, input=DifferenceInput(deviation=deviation))

    encoder = made()
    first = fingerprint(encoder)
    assert fingerprint(made()) == first
    assert fingerprint(made(deviation=0.2)) != first
    for tensor in encoder.state_dict().values():
        before = tensor.clone()
        tensor.flatten()[-1].add_(1)
        assert fingerprint(encoder) != first
        tensor.copy_(before)
    assert fingerprint(encoder) == first


@pytest.mark.parametrize(("window", "stride", "steps"), [(1, 1, 4), (10, 1, 3), (4, 3, 3)])
def test_frames_for_is_the_fewest_frames_that_give_the_steps(
    window: int, stride: int, steps: int
) -> None:
    encoder = FrameEncoder(SmallNet(channels=1, stages=(8,)))
    encoder.window, encoder.stride = window, stride
    frames = 1
    while len(range(0, frames - window + 1, stride)) < steps:
        frames += 1
    assert encoder.frames_for(steps) == frames
