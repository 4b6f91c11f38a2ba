import os
from pathlib import Path

import pytest
import torch

from selfvid import compute
from selfvid.compute import (
    MOST_WORKERS,
    autocast,
    choose_device,
    loading_workers,
    resolve_precision,
)
from selfvid.errors import InputError

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [({"avx2"}, "float32"), ({"avx512_bf16"}, "bfloat16"), ({"amx_bf16"}, "bfloat16")],
)
def test_auto_precision_follows_the_processor(
    monkeypatch: pytest.MonkeyPatch, flags: set[str], expected: str
) -> None:
    monkeypatch.setattr(compute, "_cpu_flags", lambda: flags)
    assert resolve_precision("auto", device=torch.device("cpu")) == expected
    assert resolve_precision("float32", device=torch.device("cpu")) == "float32"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_one_line() -> None:
    with pytest.raises(InputError, match="device 'cuda' is not on this machine"):
        choose_device("cuda")
    assert choose_device("cpu").type == "cpu"


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_first_device_that_there_is(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device().type == choose_device("auto").type == expected
    for name, found in {"cuda": cuda, "mps": mps}.items():
        if found:
            assert choose_device(name).type == name  # type: ignore[arg-type]
        else:
            with pytest.raises(InputError, match=f"device '{name}' is not on this machine"):
                choose_device(name)  # type: ignore[arg-type]


def test_an_unknown_device_is_named_with_those_that_are_known() -> None:
    with pytest.raises(InputError, match="device is 'gpu'; expected auto, cuda, mps, cpu"):
        choose_device("gpu")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("capability", "expected"), [((7, 5), "float32"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")]
)
def test_auto_precision_follows_the_gpu(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert resolve_precision("auto", device=torch.device("cuda")) == expected
    assert resolve_precision("auto", device=torch.device("mps")) == "float32"


def test_autocast_multiplies_in_the_precision_that_is_asked_for() -> None:
    x = torch.randn(4, 4)
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with autocast(precision, CPU):  # type: ignore[arg-type]
            assert (x @ x).dtype == dtype
    assert (x @ x).dtype == torch.float32


@pytest.mark.parametrize(
    ("cores", "expected"), [(None, 1), (1, 1), (2, 1), (4, 3), (64, MOST_WORKERS)]
)
def test_one_core_is_left_for_training(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, expected: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert loading_workers(None) == expected


def test_a_number_of_workers_is_taken_as_it_is() -> None:
    assert [loading_workers(number) for number in (0, 1, 99)] == [0, 1, 99]
    with pytest.raises(InputError, match="workers is -1; expected 0 or more"):
        loading_workers(-1)


@pytest.mark.parametrize("key", ["flags\t\t", "Features\t"])
def test_processor_flags_are_read_from_the_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str
) -> None:
    described = tmp_path / "cpuinfo"
    described.write_text(f"model name : Any: 1\n{key}: fpu avx2 amx_bf16\n{key}: other\n")
    monkeypatch.setattr(compute, "Path", lambda _: described)
    assert compute._cpu_flags() == {"fpu", "avx2", "amx_bf16"}
    described.unlink()
    assert compute._cpu_flags() == set()
