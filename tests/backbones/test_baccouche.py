import pytest
import torch
from torch.nn import functional

from selfvid.backbones.baccouche import Baccouche, Rectification, SparseConvolution, Subsampling
from selfvid.encoders.clip import ClipEncoder
from selfvid.encoders.local_contrast import LocalContrast
from selfvid.errors import InputError
from selfvid.heads.mlp import MLP


@torch.inference_mode()
def test_every_layer_has_the_published_size() -> None:
    net = Baccouche()
    found = {}
    for name, layer in net.network.named_children():
        layer.register_forward_hook(lambda _, __, out, name=name: found.update({name: out.shape}))
    clips = torch.randn(2, 1, 9, 34, 54)
    vector = net(clips).vector
    assert {name: tuple(shape[1:]) for name, shape in found.items()} == {
        "c1": (7, 5, 28, 48),
        "r1": (7, 5, 28, 48),
        "s1": (7, 5, 14, 24),
        "c2": (35, 3, 10, 20),
        "r2": (35, 3, 10, 20),
        "s2": (35, 3, 5, 10),
        "c3": (5, 1, 3, 8),
    }
    assert vector.shape == (2, 120)


def test_it_has_17169_weights_as_published() -> None:
    encoder = ClipEncoder(Baccouche(), input=LocalContrast())
    head = MLP(encoder.widths, 6, hidden=50)
    layers = encoder.backbone.network.named_children()
    each = {name: sum(w.numel() for w in layer.parameters()) for name, layer in layers}
    assert each == {
        "c1": 7 * (7 * 7 * 5 + 1),
        "r1": 7,
        "s1": 2 * 7,
        "c2": 14 * (5 * 5 * 3 + 1) + 21 * (2 * 5 * 5 * 3 + 1),
        "r2": 35,
        "s2": 2 * 35,
        "c3": 5 * (35 * 3 * 3 * 3 + 1),
    }
    n1, n2 = 120 * 50 + 50, 50 * 6 + 6
    assert sum(weight.numel() for weight in head.parameters()) == n1 + n2
    assert sum(each.values()) + n1 + n2 == 17_169


def test_maps_of_c2_see_one_map_twice_each_or_one_pair() -> None:
    layer = SparseConvolution(7)
    seen = []
    for number in range(35):
        x = torch.randn(1, 7, 3, 5, 5, requires_grad=True)
        layer(x)[0, number].sum().backward()
        assert x.grad is not None
        seen.append(tuple(torch.nonzero(x.grad.abs().sum((0, 2, 3, 4))).flatten().tolist()))
    assert sorted(seen[:14]) == sorted([(n,) for n in range(7)] * 2)
    assert sorted(seen[14:]) == [(a, b) for a in range(7) for b in range(a + 1, 7)]


def test_maps_are_rectified_and_averaged_as_lecun_has_it() -> None:
    rectify, average = Rectification(2), Subsampling(2)
    torch.nn.init.constant_(rectify.gain, 3.0)
    torch.nn.init.constant_(average.gain, 2.0)
    torch.nn.init.constant_(average.bias, -1.0)
    x = torch.tensor([[[[[1.0, -2.0], [3.0, -4.0]]]] * 2]).view(1, 2, 1, 2, 2)
    assert rectify(x).flatten().tolist() == [3.0, 6.0, 9.0, 12.0] * 2
    assert average(x).flatten().tolist() == [2 * (1 - 2 + 3 - 4) / 4 - 1] * 2


def test_frames_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match=r"frames are 54×34 \(H×W\); Baccouche expected 34×54"):
        Baccouche()(torch.zeros(1, 1, 9, 54, 34))
    with pytest.raises(InputError, match=r"takes \(N, 1, 9, H, W\)"):
        Baccouche()(torch.zeros(1, 1, 10, 34, 54))


def test_c2_is_what_a_loop_over_its_filters_finds() -> None:
    torch.manual_seed(0)
    layer = SparseConvolution(3)
    x = torch.randn(2, 3, 4, 6, 7)
    read = [(0,), (0,), (1,), (1,), (2,), (2,), (0, 1), (0, 2), (1, 2)]
    kernels = iter(layer.kernels)
    by_hand = []
    for maps, bias in zip(read, layer.bias, strict=True):
        seen = [functional.conv3d(x[:, n : n + 1], next(kernels)[None, None]) for n in maps]
        by_hand.append(sum(seen) + bias)
    torch.testing.assert_close(layer(x), torch.cat(by_hand, 1))


@torch.inference_mode()
def test_every_stage_ends_with_a_hyperbolic_tangent() -> None:
    torch.manual_seed(0)
    net = Baccouche()
    seen: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for name, layer in net.network.named_children():
        layer.register_forward_hook(
            lambda _, given, out, name=name: seen.update({name: (given[0], out)})
        )
    made = net(5 * torch.randn(2, 1, 9, 34, 54))
    e = {name: out.exp() for name, (_, out) in seen.items()}
    tanh = {name: (value - 1 / value) / (value + 1 / value) for name, value in e.items()}
    torch.testing.assert_close(made.maps[0], tanh["s1"])
    torch.testing.assert_close(seen["c2"][0], tanh["s1"])
    torch.testing.assert_close(made.maps[1], tanh["s2"])
    torch.testing.assert_close(seen["c3"][0], tanh["s2"])
    torch.testing.assert_close(made.vector, tanh["c3"].flatten(1))
    for name in ("s1", "s2", "c3"):
        assert (tanh[name] - seen[name][1]).abs().max() > 0.01
