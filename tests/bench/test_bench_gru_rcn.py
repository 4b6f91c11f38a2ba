import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.bench.bench_gru_rcn import QUICK, check_same, main, passes, same_heads

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
SIZE = QUICK["quick"]


def test_both_sides_of_the_benchmark_say_the_same() -> None:
    ours, plain = same_heads(SIZE)
    check_same(ours, plain, SIZE.features)


def test_sides_that_differ_are_not_timed() -> None:
    ours, plain = same_heads(SIZE)
    with torch.no_grad():
        ours.last[0].bias.add_(torch.arange(10.0))  # type: ignore[operator]
    with pytest.raises(AssertionError):
        check_same(ours, plain, SIZE.features)


def test_operations_are_those_that_our_pass_makes() -> None:
    once = passes(SIZE, CPU)["ours"]
    with FlopCounterMode(display=False) as counter:
        once()
    assert counter.get_total_flops() == SIZE.operations


def test_a_quick_run_prints_the_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    main(["--quick", "--rounds", "1", "--device", "cpu", "--threads", str(threads)])
    assert "times as fast as plain float32" in capsys.readouterr().out
