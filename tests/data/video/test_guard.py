from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from selfvid.data.video.guard import Answer, Board, ChildError, guarded_calls

BEHAVE = "tests.data.video.behaviours:behave"


def answers(names: list[str], *, workers: int = 1, timeout: float = 20.0) -> dict[str, Answer]:
    calls = [{"name": name} for name in names]
    found = guarded_calls(BEHAVE, calls, workers=workers, timeout=timeout)
    return {names[answer.call]: answer for answer in found}


def test_one_child_answers_every_call_until_one_fails() -> None:
    found = answers(["a", "print", "b", "raise", "c"])
    processes = [found[name].value["process"] for name in ("a", "print", "b", "c")]
    assert processes[0] == processes[1] == processes[2] != processes[3]
    assert os.getpid() not in processes
    assert (found["raise"].failure, found["raise"].words) == (
        "raised",
        "ValueError: raise is no good",
    )


def test_a_child_that_dies_costs_one_call_and_is_replaced() -> None:
    found = answers(["exit", "a", "segfault", "b"])
    assert found["exit"].words == "reader died (exit code 3)"
    assert found["segfault"].words == "reader died (SIGSEGV)"
    assert found["exit"].failure == found["segfault"].failure == "died"
    assert found["a"].value["name"] == "a"
    assert found["b"].value["name"] == "b"


def test_a_child_that_hangs_is_ended_after_its_time_and_replaced() -> None:
    began = time.monotonic()
    found = answers(["hang", "a"], timeout=0.5)
    assert found["hang"] == Answer(0, failure="timeout", words="timed out after 0.5 s")
    assert found["a"].value["name"] == "a"
    assert time.monotonic() - began < 60


def test_several_children_answer_side_by_side() -> None:
    found = answers([f"call {n}" for n in range(12)], workers=2)
    assert len(found) == 12
    assert all(answer.value["name"] == name for name, answer in found.items())


def test_a_function_that_cannot_be_imported_is_told_apart_from_a_failing_call() -> None:
    calls = [{"name": "a"}]
    with pytest.raises(ChildError, match="no_such_function"):
        list(
            guarded_calls(
                "tests.data.video.behaviours:no_such_function", calls, workers=1, timeout=5
            )
        )


def test_children_end_when_nobody_wants_more_answers() -> None:
    found = guarded_calls(BEHAVE, [{"name": "a"}, {"name": "hang"}], workers=1, timeout=60.0)
    process = next(found).value["process"]
    found.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_board_has_a_line_for_each_worker_and_keeps_the_end_of_long_texts() -> None:
    board = Board(3)
    assert board.read() == []
    board.write(2, "reads a rather long name")
    board.write(0, "reads \u00e4")
    board.write(2, "waits")
    assert board.read() == ["reads \u00e4", "waits"]
    board.write(1, "x" * 2000 + "end")
    assert board.read()[1].endswith("xend")
    assert len(board.read()[1]) == 1024
    board.write(2, "")
    assert len(board.read()) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_children_end_when_their_parent_is_killed() -> None:
    code = (
        "from selfvid.data.video.guard import guarded_calls\n"
        f"for a in guarded_calls({BEHAVE!r}, [{{'name': 'a'}}] * 2, workers=1, timeout=60):\n"
        "    print(a.value['process'], flush=True); input()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(child)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True
    )
    return bool(state.stdout.strip()) and not state.stdout.startswith("Z")
