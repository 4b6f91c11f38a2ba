import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from selfvid.errors import InputError
from selfvid.finetuning.coherence import Coherence
from selfvid.finetuning.second_set import SecondData
from selfvid.training.compiled import check_compiler, compile_module
from selfvid.training.schedule import Training
from tests.finetuning.tuned import settings_of, small_run, tanh_encoder, weights

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Function'> should not be instantiated:DeprecationWarning"),
]

CPU, GPU = torch.device("cpu"), torch.device("cuda")


class Noted(nn.Module):
    """Remembers how it was compiled."""

    def __init__(self) -> None:
        super().__init__()
        self.modes: list[str | None] = []

    def compile(self, *, mode: str | None) -> None:
        self.modes.append(mode)


@pytest.mark.parametrize(
    ("device", "plan", "mode"),
    [
        (CPU, {}, None),
        (GPU, {}, "reduce-overhead"),
        (GPU, {"accumulate": 2}, None),
        (GPU, {"devices": 2}, None),
    ],
)
def test_graphs_are_recorded_where_gradients_are_not_summed(
    device: torch.device, plan: dict[str, Any], mode: str | None
) -> None:
    module = Noted()
    compile_module(module, Training(compiled=True, **plan), device)
    assert module.modes == [mode]


def test_compiling_on_a_cpu_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = Training(compiled=True)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    check_compiler(Training(), CPU)
    check_compiler(compiled, GPU)
    with pytest.raises(InputError, match=r"there is no g\+\+ here"):
        check_compiler(compiled, CPU)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    check_compiler(compiled, CPU)


@pytest.mark.skipif(not shutil.which("g++"), reason="compiling needs g++")
def test_a_compiled_fine_tuning_ends_where_a_plain_one_does(
    digits_manifest: Path, tmp_path: Path
) -> None:
    plain, compiled = tmp_path / "plain", tmp_path / "compiled"
    small_run(digits_manifest, plain, encoder=tanh_encoder())
    small_run(digits_manifest, compiled, encoder=tanh_encoder(), plan={"compiled": True})
    for name, weight in weights(plain).items():
        torch.testing.assert_close(weights(compiled)[name], weight, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["coherence", "second"])
def test_what_cannot_be_compiled_together_is_refused(name: str, digits_manifest: Path) -> None:
    other: dict[str, Any] = {
        "coherence": Coherence(data=str(digits_manifest), batch=4),
        "second": SecondData(data=str(digits_manifest), label="digit"),
    }
    compiled = Training(batch=4, compiled=True)
    more: dict[str, Any] = {name: other[name]}
    with pytest.raises(InputError, match=f"compiled is true but {name} is given"):
        settings_of(training=compiled, **more)
