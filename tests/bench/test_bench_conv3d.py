import pytest
import torch

from tests.bench.bench_conv3d import SMALL, Case, compare, innermost, plain

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_both_sides_of_the_benchmark_compute_the_same(case: Case) -> None:
    torch.manual_seed(0)
    network = case.make()
    clips = case.clips(network.frames)[:2]
    wanted = plain(network)(clips).vector
    found = network.to(memory_format=torch.channels_last_3d)(innermost(clips)).vector
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_the_benchmark_times_every_side(capsys: pytest.CaptureFixture[str]) -> None:
    case = Case("tiny", SMALL[0].make, 1, 32)
    times = compare(case, torch.device("cpu"), rounds=2)
    assert {len(each) for each in times.values()} == {2}
    said = capsys.readouterr().out
    assert all(name in said for name in times)
