import pytest

from tests.bench.bench_long_video import main


def test_a_minute_of_each_length_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--minutes", "0.05", "0.1"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition(" ")[2] for line in lines if line.startswith("pyav")] == ["0.05", "0.1"]
