"""What `from selfvid import ...` gives has the types that its module says."""

import subprocess
import sys
from pathlib import Path

import pytest

import selfvid

pytestmark = pytest.mark.slow

SCRIPT = """\
import selfvid
encoder = selfvid.FrameEncoder(selfvid.SmallNet(channels=1, norm="batch"))
objective = selfvid.VICReg(encoder)
run = selfvid.pretrain("footage.csv", "runs/first", objective=objective)
reveal_type(selfvid.probe(run, "footage.csv"))
"""


def checked(script: Path, text: str) -> str:
    script.write_text(text)
    # From the root: what mypy knows of the packages after a run there need not be found anew.
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(script)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def test_a_type_checker_sees_the_real_types(tmp_path: Path) -> None:
    named = [name for name in selfvid.__all__ if name != "__version__"]
    everything = "".join(f"reveal_type(selfvid.{name})\n" for name in named)
    said = checked(tmp_path / "script.py", SCRIPT + everything)
    revealed = [line for line in said.splitlines() if "Revealed type is" in line]
    assert len(revealed) == 1 + len(named)
    assert revealed[0].endswith('"selfvid.probing.result.ProbeResult"')
    assert not [line for line in revealed if line.endswith('"Any"')]
    assert not [line for line in said.splitlines() if ": error:" in line]


def test_a_type_checker_refuses_what_does_not_exist(tmp_path: Path) -> None:
    said = checked(tmp_path / "script.py", "import selfvid\nselfvid.pretrian\n")
    assert 'Module has no attribute "pretrian"' in said


def test_every_public_name_is_what_its_module_calls_so() -> None:
    for name in selfvid.__all__:
        thing = getattr(selfvid, name)
        assert name == "__version__" or thing.__name__ == name
    assert set(dir(selfvid)) == set(selfvid.__all__)
