from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounterWithBackend
from torch.export import Dim

from selfvid.recurrent import ConvGRU, ConvLSTM, PeepholeLSTM, Recurrent, State, unroll_free

# PyTorch 2.11's own compiler uses functions that PyTorch 2.11 deprecates.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Function'> should not be instantiated:DeprecationWarning"),
]

LAYERS: dict[str, Any] = {
    "conv lstm": lambda: ConvLSTM(2, 3, layers=2, kernel=3, peepholes="channel"),
    "conv lstm, untied first": lambda: ConvLSTM(2, 3, kernel=3, untied_first=True),
    "conv gru": lambda: ConvGRU(2, 3, layers=2),
    "peephole lstm": lambda: PeepholeLSTM(2, 3, layers=2),
}


def made(kind: str, *, batch: int = 2, steps: int = 3) -> tuple[Recurrent, Tensor]:
    torch.manual_seed(0)
    layer = LAYERS[kind]()
    shape = (batch, steps, 2) if kind == "peephole lstm" else (batch, steps, 2, 6, 5)
    return layer, torch.randn(shape)


def gradients(layer: nn.Module, x: Tensor, *, bf16: bool = False) -> list[Tensor]:
    layer.zero_grad()
    x = x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        outputs, state = layer(x)
    (outputs.float().square().sum() + state[-1].float().sum()).backward()
    found = [outputs, *state, x.grad, *(p.grad for p in layer.parameters())]
    return [tensor.detach() for tensor in found if tensor is not None]


@pytest.fixture
def _fresh_compiler() -> None:
    torch._dynamo.reset()


@pytest.mark.slow
@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.parametrize("kind", LAYERS)
def test_a_compiled_layer_computes_the_same(kind: str) -> None:
    layer, x = made(kind)
    eager = gradients(layer, x)
    layer.compile()
    for ours, wanted in zip(gradients(layer, x), eager, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.usefixtures("_fresh_compiler")
def test_a_layer_compiled_for_a_gpu_computes_the_same() -> None:
    layer, x = made("conv lstm")
    eager = gradients(layer, x)
    layer.cuda().compile()
    for ours, wanted in zip(gradients(layer, x.cuda()), eager, strict=True):
        torch.testing.assert_close(ours.cpu(), wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.parametrize("kind", LAYERS)
def test_a_compiled_layer_is_one_graph_and_compiled_once_for_all_batches(kind: str) -> None:
    layer, x = made(kind)
    counter = CompileCounterWithBackend("aot_eager")
    layer.compile(backend=counter, fullgraph=True)
    for _ in range(3):
        gradients(layer, x + torch.randn(()))
    assert counter.frame_count == 1
    for batch in (3, 4, 5):
        layer(made(kind, batch=batch)[1])
    assert counter.frame_count == 2  # the second is for any batch


@pytest.mark.usefixtures("_fresh_compiler")
def test_feedback_compiles_with_whatever_it_is_part_of() -> None:
    layer, x = made("peephole lstm")
    readout = nn.Linear(3, 2)

    def future(x: Tensor) -> Tensor:
        _, state = layer(x)
        return unroll_free(layer.cell, state, steps=4, readout=readout, feedback=lambda _, y: y)[0]

    compiled = torch.compile(future, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), future(x))


@pytest.mark.parametrize("kind", LAYERS)
def test_autocast_keeps_the_memory_in_float32_and_stays_close(kind: str) -> None:
    layer, x = made(kind)
    with torch.autocast("cpu", torch.bfloat16):
        outputs, state = layer(x)
    assert state[-1].dtype == torch.float32
    assert outputs.dtype == (torch.float32 if kind == "conv gru" else torch.bfloat16)
    for ours, wanted in zip(gradients(layer, x, bf16=True), gradients(layer, x), strict=True):
        limit = 0.05 * wanted.abs().max().item() + 1e-3
        assert (ours.float() - wanted).abs().max().item() < limit


@pytest.mark.parametrize("kind", LAYERS)
def test_free_running_under_autocast_multiplies_in_bfloat16(kind: str) -> None:
    layer, x = made(kind)
    with torch.autocast("cpu", torch.bfloat16):
        _, state = layer(x)
        outputs, after = unroll_free(layer.cell, state, steps=2)
    assert [t.dtype for t in after] == [t.dtype for t in state]
    wanted, _ = unroll_free(layer.cell, layer(x)[1], steps=2)
    torch.testing.assert_close(outputs.float(), wanted, rtol=0.05, atol=0.01)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_state_made_under_autocast_is_carried_on_without_it(kind: str) -> None:
    layer, x = made(kind)
    with torch.autocast("cpu", torch.bfloat16):
        _, state = layer(x)
    outputs, _ = layer(x, state)
    assert outputs.dtype == torch.float32


@pytest.mark.parametrize("kind", LAYERS)
def test_a_whole_network_in_bfloat16_runs(kind: str) -> None:
    layer, x = made(kind)
    outputs, state = layer.bfloat16()(x.bfloat16())
    assert {outputs.dtype, *(t.dtype for t in state)} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("kind", "used"),
    [
        ("conv lstm", "outputs"),
        ("conv lstm", "last state"),
        ("conv lstm, untied first", "outputs"),
        ("conv gru", "outputs"),
        ("conv gru", "last state"),
    ],
)
def test_gradients_reach_the_convolutions_channels_last(kind: str, used: str) -> None:
    layer, x = made(kind)
    layouts: list[bool] = []

    def note(gradient: Tensor) -> None:
        layouts.append(gradient.is_contiguous(memory_format=torch.channels_last))

    for cell in layer.cell.cells:  # type: ignore[union-attr]
        plain = cell.project

        def project(x: Tensor, *, fresh: bool = False, plain: Any = plain) -> Tensor:
            projected = plain(x, fresh=fresh)
            projected.register_hook(lambda gradient: note(gradient.transpose(0, 1).flatten(0, 1)))
            return projected

        cell.project = project
    outputs, state = layer(x)
    if used == "outputs":
        outputs.backward(torch.randn(outputs.shape))
    else:
        torch.stack([maps.mean((2, 3)).square().sum() for maps in state]).sum().backward()
    assert layouts == [True] * len(layouts)
    assert layouts


class FirstState(nn.Module):
    def __init__(self, layer: Recurrent, *, packed: bool, reverse: bool) -> None:
        super().__init__()
        self.layer, self.packed, self.reverse = layer, packed, reverse

    def forward(self, x: Tensor, lengths: Tensor) -> State:
        packed = lengths if self.packed else None
        outputs, state = self.layer(x, lengths=packed, reverse=self.reverse)
        return outputs, *state


@pytest.mark.slow
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize(("packed", "reverse"), [(False, False), (True, True)])
def test_exported_loops_run_for_any_batch_and_length(
    kind: str, packed: bool, reverse: bool, tmp_path: Path
) -> None:
    layer, x = made(kind)
    module = FirstState(layer, packed=packed, reverse=reverse).eval()
    free = {"x": {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}, "lengths": {0: Dim.DYNAMIC}}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters use deprecated functions
        program = torch.export.export(module, (x, torch.tensor([3, 2])), dynamic_shapes=free)
        converted = torch.onnx.export(
            program,
            dynamo=True,
            verbose=False,
            input_names=["x", "lengths"],
            dynamic_shapes={"x": {0: "batch", 1: "time"}, "lengths": {0: "batch"}},
            opset_version=18,
        )
        assert converted is not None
        converted.save(tmp_path / "loop.onnx")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        tmp_path / "loop.onnx", options, providers=["CPUExecutionProvider"]
    )
    for batch, steps in ((1, 1), (4, 9), (2, 20)):
        _, given = made(kind, batch=batch, steps=steps)
        lengths = torch.arange(batch) % steps + 1
        wanted = [tensor.detach() for tensor in module(given, lengths)]
        for tensor, ours in zip(program.module()(given, lengths), wanted, strict=True):
            torch.testing.assert_close(tensor.detach(), ours)
        names = [entry.name for entry in session.get_inputs()]
        fed = {"x": given.numpy(), "lengths": lengths.numpy()}
        ran = session.run(None, {name: fed[name] for name in names})
        for array, ours in zip(ran, wanted, strict=True):
            assert float(np.abs(array - ours.numpy()).max()) < 1e-5
