from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from selfvid import signals
from selfvid.signals import SIGNALS, Stopped, raised_signals

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("sign", SIGNALS)
def test_a_signal_raises_and_handlers_are_given_back(sign: signal.Signals) -> None:
    before = signal.getsignal(sign)
    with pytest.raises(Stopped, match=f"stopped by {sign.name}"), raised_signals():
        signal.raise_signal(sign)
    assert signal.getsignal(sign) is before


def test_a_signal_before_the_work_begins_ends_the_process_whatever_is_imported() -> None:
    careless = (
        "import signal; from selfvid.signals import raised_signals\n"
        "with raised_signals(begun=False) as begin:\n"
        "    try: signal.raise_signal(signal.SIGTERM)\n"
        "    except BaseException: raise SystemExit(1)"  # as modules in C do while imported
    )
    ended = subprocess.run(
        [sys.executable, "-c", careless], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 130
    assert ended.stderr == "selfvid: stopped by SIGTERM before it began\n"

    def begun() -> None:
        with raised_signals(begun=False) as begin:
            begin()
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped):
        begun()


def test_signals_that_follow_at_once_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)

    def several() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            assert not ended
            monkeypatch.setattr(signals, "PATIENCE", 0.0)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stopped, match="stopped by SIGTERM"), raised_signals():
        several()
    assert ended == [130]


def test_code_that_handles_errors_does_not_handle_it() -> None:
    def careless() -> None:
        with suppress(Exception):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped), raised_signals():
        careless()


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    found = []

    def body() -> None:
        with raised_signals():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sign", "wait"), [(signal.SIGTERM, 0.5), (signal.SIGUSR1, 2.0), (signal.SIGHUP, 4.0)]
)
def test_a_run_that_is_ended_before_its_first_step_says_so(
    sign: signal.Signals, wait: float, digits_manifest: Path, tmp_path: Path
) -> None:
    words = ["pretrain", "--config", "vicreg", "--data", str(digits_manifest)]
    words += ["--out", str(tmp_path / "run"), "--size", "32", "--training.batch", "32"]
    command = [sys.executable, "-m", "selfvid", *words, "--workers", "1"]
    with subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE, text=True
    ) as run:
        time.sleep(wait)
        for _ in range(3):
            os.killpg(run.pid, sign)
        _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith(f"selfvid: stopped by {sign.name}")
