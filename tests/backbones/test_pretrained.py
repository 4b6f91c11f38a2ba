import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from selfvid.backbones.pretrained import inflate_colours, inflate_kernel, load_weights
from selfvid.backbones.resnet import ResNet
from selfvid.errors import InputError


def test_weights_of_colours_begin_a_network_on_stacks_of_flow(tmp_path: Path) -> None:
    colours = ResNet(18)
    torch.save(colours.network.state_dict(), tmp_path / "resnet18.pth")
    flow = ResNet(18, channels=20, weights=str(tmp_path / "resnet18.pth"))
    three = colours.network.conv1.weight
    for channel in range(20):
        mean = (three[:, 0] + three[:, 1] + three[:, 2]) / 3
        torch.testing.assert_close(flow.network.conv1.weight[:, channel], mean)
    assert torch.equal(flow.network.layer1[0].conv1.weight, colours.network.layer1[0].conv1.weight)


def test_a_network_on_flow_keeps_weights_that_fit_it(tmp_path: Path) -> None:
    before = ResNet(18, channels=4)
    torch.save(before.network.state_dict(), tmp_path / "flow.pth")
    after = ResNet(18, channels=4, weights=str(tmp_path / "flow.pth"))
    assert torch.equal(after.network.conv1.weight, before.network.conv1.weight)
    with pytest.raises(InputError, match="do not fit resnet18"):
        ResNet(18, channels=6, weights=str(tmp_path / "flow.pth"))


def test_downloaded_weights_begin_other_channels_as_the_mean_of_colours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    colours = ResNet(18).network.state_dict()
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: colours)
    grey = ResNet(18, weights="imagenet", channels=1).network.conv1.weight
    torch.testing.assert_close(grey[:, 0], colours["conv1.weight"].sum(1) / 3)


def test_a_missing_weights_file_is_one_line() -> None:
    with pytest.raises(InputError, match="is no file; expected random, imagenet or a file"):
        ResNet(18, weights="nowhere.pth")


def test_a_pickle_in_a_weights_file_is_not_executed(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)  # type: ignore[return-value]

    (tmp_path / "weights.pth").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InputError, match="no plain state dict"):
        ResNet(18, weights=str(tmp_path / "weights.pth"))
    assert not (tmp_path / "sprung").exists()


def test_both_kinds_of_files_give_the_same_weights(tmp_path: Path) -> None:
    saved = nn.Conv2d(3, 4, 3)
    torch.save(saved.state_dict(), tmp_path / "net.pth")
    save_file(saved.state_dict(), tmp_path / "net.safetensors")
    for name in ("net.pth", "net.safetensors"):
        net = nn.Conv2d(3, 4, 3)
        load_weights(net, str(tmp_path / name), name="net")
        assert torch.equal(net.weight, saved.weight)


def test_random_weights_are_left_as_they_are() -> None:
    net = nn.Linear(2, 3)
    before = net.weight.clone()
    load_weights(net, "random", name="net")
    assert torch.equal(net.weight, before)


def test_missing_entries_are_counted_and_the_first_one_is_named(tmp_path: Path) -> None:
    torch.save({"1.weight": torch.zeros(1)}, tmp_path / "net.pth")
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1, bias=False))
    with pytest.raises(InputError, match=r"lack 2 of 3 entries of net, first '0\.bias'"):
        load_weights(net, str(tmp_path / "net.pth"), name="net")


def test_layers_are_found_by_the_names_that_others_give_them(tmp_path: Path) -> None:
    saved = {"fc6.weight": torch.randn(3, 2), "fc6.bias": torch.randn(3)}
    torch.save(saved, tmp_path / "net.pth")
    layer = nn.Linear(2, 3)
    net = nn.Sequential(layer)
    path = str(tmp_path / "net.pth")
    load_weights(net, path, name="net", published=None, layers={"fc6": "0"})
    assert torch.equal(layer.weight, saved["fc6.weight"])
    assert torch.equal(layer.bias, saved["fc6.bias"])


def test_only_filters_of_colours_are_converted_to_other_channels() -> None:
    filters = torch.randn(4, 3, 5, 5)
    assert torch.equal(inflate_colours(filters, like=torch.empty(4, 3, 5, 5)), filters)
    other_kernel = inflate_colours(filters, like=torch.empty(4, 7, 3, 3))
    assert torch.equal(other_kernel, filters)
    dense = torch.randn(4, 3)
    assert torch.equal(inflate_colours(dense, like=torch.empty(4, 7)), dense)
    frame = torch.randn(1, 1, 5, 5)
    grey = inflate_colours(filters, like=torch.empty(4, 1, 5, 5))
    # A grey image means the same to mean filters as a third of it in every colour means to colours.
    seen = nn.functional.conv2d(frame.expand(1, 3, 5, 5) / 3, filters)
    torch.testing.assert_close(nn.functional.conv2d(frame, grey), seen)


@pytest.mark.parametrize("extent", [1, 3])
def test_an_inflated_filter_sees_a_repeated_image_as_the_image(extent: int) -> None:
    filters, images = torch.randn(4, 2, 3, 3), torch.randn(1, 2, 6, 6)
    clip = images.unsqueeze(2).expand(-1, -1, extent, -1, -1)
    deep = nn.functional.conv3d(clip, inflate_kernel(filters, extent))
    torch.testing.assert_close(deep[:, :, 0], nn.functional.conv2d(images, filters))
